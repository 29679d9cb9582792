"""What a client may hear of a repository's refs, remembered until a file changes that says otherwise.

Nothing is asked of git for it: refs are read from their files, and the objects that are new to a listing are looked up once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from gitperch.git import names
from gitperch.git.process import GitError, UnreadableRepository
from gitperch.git.ref_files import OddRepositoryError, RefFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git.process import Git
    from gitperch.git.ref_files import Refs

_HIDDEN = names.HIDDEN_REFS.encode()  # as transfer.hideRefs in our configuration has it
_AT_ONCE = 1000  # refs that are put in order sooner than a thread would have begun to
_REMEMBERED = 64
_WEIGHT = 100_000  # refs and folders kept of all repositories together


@dataclass(frozen=True)
class Listing:
    """`entries` are (oid, name, peeled oid or b"") in the order of the names; `head` is HEAD's target, `head_oid` its oid or b""."""

    entries: tuple[tuple[bytes, bytes, bytes], ...]
    head: bytes
    head_oid: bytes
    head_peeled: bytes
    object_format: bytes


@dataclass
class _Kept:
    files: RefFiles
    done: bool = False
    """Whether `listing` is what `files` said the last time: a look may have been broken off in between."""
    listing: Listing | None = None
    peeled: dict[bytes, bytes] = field(default_factory=dict)
    """Of objects that are there: oid → what it is a tag of in the end, b"" for one that is no tag."""

    def unchanged(self) -> bool:
        return self.done and self.files.unchanged()

    @property
    def weight(self) -> int:
        return self.files.weight + len(self.peeled) + (len(self.listing.entries) if self.listing else 0)


class Listings:
    def __init__(self, git: Git) -> None:
        self._git = git
        self._kept: dict[Path, _Kept] = {}
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def of(self, path: Path) -> Listing | None:
        """The refs of the repository at `path`; None for one whose listing only git itself gets right.

        While nothing has changed it is the very same object.
        """
        kept = self._kept.get(path)
        if kept and kept.unchanged():
            return kept.listing
        # One look for all who ask at once, however many they are.
        async with self._locks.setdefault(path, asyncio.Lock()):
            kept = self._kept.get(path) or _Kept(RefFiles(path))
            if not kept.unchanged():
                kept.done = False
                kept.listing = await self._listed(path, kept)
                kept.done = True
                self._keep(path, kept)
            return kept.listing

    def _keep(self, path: Path, kept: _Kept) -> None:
        self._kept.pop(path, None)
        self._kept[path] = kept
        while len(self._kept) > _REMEMBERED or sum(other.weight for other in self._kept.values()) > _WEIGHT:
            del self._kept[next(iter(self._kept))]

    async def _listed(self, path: Path, kept: _Kept) -> Listing | None:
        try:
            refs = await asyncio.to_thread(kept.files.read)
            visible = {name: oid for name, oid in refs.oids.items() if not name.startswith(_HIDDEN)}
            new = {oid for oid in visible.values() if oid not in kept.peeled}
            if new:
                kept.peeled |= await self._looked_up(path, new, refs.peeled)
        except OddRepositoryError:
            return None
        if len(kept.peeled) > 2 * len(visible) + 100:
            kept.peeled = {oid: kept.peeled[oid] for oid in visible.values()}
        if len(visible) > _AT_ONCE:
            listing = await asyncio.to_thread(_listing, refs, visible, kept.peeled)
        else:
            listing = _listing(refs, visible, kept.peeled)
        return kept.listing if listing == kept.listing else listing

    async def _looked_up(self, path: Path, oids: Collection[bytes], known: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        """What each of these objects peels to, b"" for what is no tag. Raises OddRepositoryError where one is missing."""
        try:
            return await self._git.read(path, _peeled, oids, known)
        except UnreadableRepository:
            return await self._peeled_by_git(path, oids)

    async def _peeled_by_git(self, path: Path, oids: Collection[bytes]) -> dict[bytes, bytes]:
        asked = b"".join(oid + b"^{}\n" for oid in oids)
        try:
            said = await self._git.run("cat-file", "--batch-check=%(objectname)", "--buffer", path=path, stdin=asked)
        except GitError as error:
            raise OddRepositoryError(str(error)) from None
        answers = said.split(b"\n")[:-1]
        if len(answers) != len(oids) or any(b" " in answer for answer in answers):
            raise OddRepositoryError("a ref points to an object that is missing")
        return {oid: b"" if peeled == oid else peeled for oid, peeled in zip(oids, answers, strict=True)}


def _listing(refs: Refs, visible: Mapping[bytes, bytes], peeled: Mapping[bytes, bytes]) -> Listing:
    entries = tuple((oid, name, peeled[oid]) for name, oid in sorted(visible.items()))
    head_oid = visible.get(refs.head, b"")
    return Listing(entries, refs.head, head_oid, peeled.get(head_oid, b""), refs.object_format)


def _peeled(repository: LibgitRepository, oids: Collection[bytes], known: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    from pygit2 import GitError as LibgitError  # late, as all of pygit2
    from pygit2 import Tag
    from pygit2.enums import ObjectType

    database = repository.odb
    found = {}
    for oid in oids:
        try:
            kind, _ = database.read_header(at := oid.decode())
            while kind == ObjectType.TAG and oid not in known:
                tag = repository[at]
                assert isinstance(tag, Tag)  # noqa: S101 -- as its header says
                at = str(tag.target)
                kind, _ = database.read_header(at)
        except (KeyError, ValueError, LibgitError):
            raise OddRepositoryError("a ref points to an object that is missing") from None
        end = at.encode()
        found[oid] = known[oid] if kind == ObjectType.TAG else b"" if end == oid else end
    return found
