"""Which commit, and which path in it, an address such as `/tree/feature/x/src` means."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from gitperch.errors import NotFound
from gitperch.git import names, objects, refs

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.pages.repository import RepositoryPage

PARTS = 40  # of an address that may belong to a ref's name
COMPONENT = 256  # bytes that no file system takes as one name, nor, therefore, a ref


@dataclass(frozen=True)
class Place:
    """A commit, as the address names it (`name`: a branch, a tag, or an oid), and a path in its tree ("" is the top).

    `kind` is branch, tag or commit; `fixed` says that the address means the same for ever.
    """

    name: str
    kind: str
    oid: str
    path: str
    fixed: bool

    @property
    def crumbs(self) -> list[tuple[str, str]]:
        """The path's parts, each with the path that leads to it."""
        parts = self.path.split("/") if self.path else []
        return [(part, "/".join(parts[: n + 1])) for n, part in enumerate(parts)]

    def at(self, path: str) -> Place:
        """Another path of the same commit."""
        return replace(self, path=path)

    @property
    def parent(self) -> str:
        return self.path.rpartition("/")[0]


def rest_of(request: Request, parts_before: int = 3) -> str:
    """What follows `/owner/name/tree/` in the address, with bytes that are not UTF-8 kept as surrogates."""
    raw = request.scope.get("raw_path") or quote(request.scope["path"]).encode("ascii")
    parts = raw.partition(b"?")[0].split(b"/", parts_before + 1)
    return (
        unquote_to_bytes(parts[parts_before + 1] if len(parts) > parts_before + 1 else b"")
        .decode("utf-8", "surrogateescape")
        .strip("/")
    )


async def resolve(page: RepositoryPage, rest: str) -> Place:
    """The place that `rest` means: the longest ref that it begins with, else an oid. Raises NotFound, BadRequest."""
    host, path = page.host, page.repository.path
    rest = rest or page.repository.head
    parts = rest.split("/")[:PARTS]
    wanted: dict[str, tuple[str, str]] = {}
    for length in range(len(parts), 0, -1):
        name = "/".join(parts[:length])
        for folder, kind in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
            if names.is_ref(folder + name) and all(len(os.fsencode(part)) < COMPONENT for part in parts[:length]):
                wanted[folder + name] = (name, kind)
    found = refs.read(path, wanted)
    for ref, (name, kind) in wanted.items():
        oid = found.get(ref) and await host.git.look_up(path, objects.commit_oid, found[ref])
        if oid:
            return Place(name, kind, oid, names.tree_path(rest[len(name) :]), False)
    name = parts[0]
    if 4 <= len(name) <= 64 and all(digit in "0123456789abcdef" for digit in name):
        oid = await host.git.look_up(path, objects.commit_oid, name)
        if oid:
            return Place(name, "commit", oid, names.tree_path(rest[len(name) :]), names.is_oid(name))
    raise NotFound(
        f"There is no branch, tag or commit at the beginning of {rest[:200]!r} in {page.repository.full_name}. "
        "It may have been deleted or renamed; the Branches page lists those that are here."
    )
