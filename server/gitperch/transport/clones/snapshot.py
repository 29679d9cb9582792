"""What of a repository an answer depends on besides the request."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git.file_times import SETTLED_NS, Stamp, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git.listing import Listing
    from gitperch.transport.fetch_request import FetchRequest

_FOLDERS = 200

Stamps = tuple[Stamp, ...]


@dataclass(frozen=True)
class Visible:
    """The oids that a listing shows, and those of the annotated tags below `refs/tags/`, each with what it is a tag of."""

    listing: Listing
    oids: frozenset[bytes]
    annotated: dict[bytes, bytes]

    @classmethod
    def of(cls, listing: Listing) -> Visible:
        tags = {oid: peeled for oid, name, peeled in listing.entries if peeled and name.startswith(b"refs/tags/")}
        return cls(listing, frozenset(oid for oid, _, _ in listing.entries), tags)

    def unasked(self, request: FetchRequest) -> dict[bytes, bytes]:
        """The annotated tags that `request` would have along with what they are tags of."""
        if b"include-tag" not in request.flags:
            return {}
        return {oid: peeled for oid, peeled in self.annotated.items() if oid not in request.wants}


def identity(path: Path) -> tuple[int, ...] | None:
    """Tells the repository at `path` from any that was there before; None where its history is cut off or grafted."""
    if (path / "shallow").exists() or (path / "info" / "grafts").exists():
        return None
    try:
        objects, config = (path / "objects").stat(), (path / "config").stat()
    except FileNotFoundError:
        return None
    return objects.st_dev, objects.st_ino, config.st_ino, config.st_mtime_ns, config.st_size


def tags(path: Path) -> Stamps | None:
    """As long as this stays the same, no tag has moved. None while one may be moving just now, and where there are too many folders."""
    names = [f"{path}/packed-refs"]
    for folder, _, _ in os.walk(path / "refs" / "tags"):
        names.append(folder)
        if len(names) > _FOLDERS:
            return None
    found = tuple(map(stamp, names))
    return found if time.time_ns() - max(modified for _, modified, _ in found) > SETTLED_NS else None
