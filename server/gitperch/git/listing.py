"""What `ls-refs` has to know of a repository's refs, remembered until a file changes that says otherwise.

git is asked once for each state of the refs (peeling a tag means reading it); whether the state is still the same is seen from
the times of `HEAD`, `packed-refs` and the folders below `refs/`, which every way of moving a ref changes.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from gitperch.git import names, refs
from gitperch.git.bounded import beginning
from gitperch.git.process import GitError

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git.process import Git

_HIDDEN = names.HIDDEN_REFS.encode()
_REMEMBERED = 64
_ENTRIES = 50_000  # a repository with more refs is left to git
_OUTPUT = 10 << 20  # as is one whose refs' names are longer than this together, in bytes
_AT_ONCE = 100 << 10  # bytes that are taken apart sooner than a thread would have begun to
_FOLDERS = 1000  # or one with more folders to look at each time
_WEIGHT = 100_000  # refs and folders kept of all repositories together
_SETTLED_NS = 50_000_000  # file times may be as coarse as a timer tick: what is younger could change again unseen


@dataclass(frozen=True)
class Listing:
    """`entries` are (oid, name, peeled oid or b"") in the order of the names; `head` is HEAD's target, `head_oid` its oid or b""."""

    entries: tuple[tuple[bytes, bytes, bytes], ...]
    head: bytes
    head_oid: bytes
    object_format: bytes


@dataclass
class _Kept:
    folders: list[str]
    signature: tuple[tuple[int, int, int], ...]
    listing: Listing | None

    @property
    def weight(self) -> int:
        return len(self.folders) + (len(self.listing.entries) if self.listing else 0)


class Listings:
    def __init__(self, git: Git) -> None:
        self._git = git
        self._kept: dict[Path, _Kept] = {}
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def of(self, path: Path) -> Listing | None:
        """The refs of the repository at `path`; None for one whose listing only git itself gets right."""
        kept = self._kept.get(path)
        if kept and _signature(path, kept.folders) == kept.signature:
            return kept.listing
        # One process for all who ask at once, however many they are.
        async with self._locks.setdefault(path, asyncio.Lock()):
            kept = self._kept.get(path)
            if kept and _signature(path, kept.folders) == kept.signature:
                return kept.listing
            # The times first: if a ref moves while git lists them, the next look sees other times.
            folders = await asyncio.to_thread(_folders, path)
            if len(folders) > _FOLDERS:
                return None
            signature = _signature(path, folders)
            listing = await self._listed(path)
            if time.time_ns() - max(modified for _, modified, _ in signature) > _SETTLED_NS:
                self._keep(path, _Kept(folders, signature, listing))
            return listing

    def _keep(self, path: Path, kept: _Kept) -> None:
        self._kept.pop(path, None)
        self._kept[path] = kept
        while len(self._kept) > _REMEMBERED or sum(other.weight for other in self._kept.values()) > _WEIGHT:
            del self._kept[next(iter(self._kept))]

    async def _listed(self, path: Path) -> Listing | None:
        config = (path / "config").read_text("utf-8", "replace").lower()
        if "hiderefs" in config or await asyncio.to_thread(_has_symbolic, path):
            return None
        try:
            output, whole = await beginning(
                self._git, "show-ref", "--dereference", path=path, limit=_OUTPUT, seconds=60
            )
        except GitError as error:
            if error.status != 1:  # which is what git says where there is no ref at all
                return None
            output, whole = b"", True
        if not whole:
            return None
        entries = await asyncio.to_thread(_entries, output) if len(output) > _AT_ONCE else _entries(output)
        if len(entries) > _ENTRIES:
            return None
        head = os.fsencode(refs.head(path))
        if not head:
            return None  # detached: rare, and git's to describe
        head_oid = next((oid for oid, name, _ in entries if name == head), b"")
        object_format = b"sha256" if "objectformat = sha256" in config else b"sha1"
        return Listing(tuple(entries), head, head_oid, object_format)


def _entries(output: bytes) -> list[tuple[bytes, bytes, bytes]]:
    entries: list[tuple[bytes, bytes, bytes]] = []
    for line in output.splitlines():
        oid, _, name = line.partition(b" ")
        if name.startswith(_HIDDEN):  # as transfer.hideRefs in our configuration has it
            continue
        if name.endswith(b"^{}"):
            entries[-1] = (*entries[-1][:2], oid)
        else:
            entries.append((oid, name, b""))
    return entries


def _folders(path: Path) -> list[str]:
    return [folder for folder, _, _ in os.walk(path / "refs")]


def _signature(path: Path, folders: list[str]) -> tuple[tuple[int, int, int], ...]:
    found = []
    for name in (f"{path}/HEAD", f"{path}/packed-refs", f"{path}/config", *folders):
        try:
            status = os.stat(name)  # noqa: PTH116 -- a Path for each would cost more than the stat
        except FileNotFoundError:
            found.append((0, 0, 0))
        else:
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _has_symbolic(path: Path) -> bool:
    """Whether a ref below `refs/` points to another one."""
    for folder, _, files in os.walk(path / "refs"):
        for file in files:
            with open(f"{folder}/{file}", "rb") as ref:  # noqa: PTH123 -- as above
                if ref.read(4) == b"ref:":
                    return True
    return False
