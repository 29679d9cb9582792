"""The part of a history that a fetch is about, read commit by commit and never far.

Whatever needs more than the bounds here allow, or an object that is not as it ought to be, raises Undecided: git is to answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pygit2.repository import Repository as LibgitRepository

COMMIT, TREE, BLOB, TAG = 1, 2, 3, 4  # as packs have them

_WALKED = 120  # commits looked at to find out what is missing
_SENT = 100  # commits in one answer
_SLOP = 5  # commits that git, too, walks on when it could stop: dates are not always in order
_TAG_DEPTH = 10

_commit = re.compile(
    rb"tree ([0-9a-f]{40})\n((?:parent [0-9a-f]{40}\n)*)author [^\n]*\ncommitter [^\n]*> (\d{1,12}) [^\n]*\n"
)
_tag = re.compile(rb"object ([0-9a-f]{40})\ntype [a-z]+\n")


class Undecided(Exception):
    """Not to be found out within bounds: left to git."""


class Bounds(NamedTuple):
    """What one answer may cost."""

    objects: int  # read
    size: int  # bytes of them together, inflated
    packed: int  # bytes to be deflated


@dataclass(frozen=True, slots=True)
class Commit:
    """`date` is the committer's, in seconds."""

    tree: bytes
    parents: tuple[bytes, ...]
    date: int


class Objects:
    """The objects of a repository by binary oid, each read once. All methods raise Undecided."""

    def __init__(self, repository: LibgitRepository, bounds: Bounds) -> None:
        self._read, self._header = repository.read, repository.odb.read_header
        self.exists = repository.odb.exists
        self._objects: dict[bytes, tuple[int, bytes]] = {}
        self._commits: dict[bytes, Commit] = {}
        self.bounds = bounds
        self._bytes = 0

    def read(self, oid: bytes) -> tuple[int, bytes]:
        """The kind and the content of an object."""
        if found := self._objects.get(oid):
            return found
        import pygit2

        name = oid.hex()
        try:
            self._bytes += self._header(name)[1]  # before the content, which may be of any size
            if self._bytes > self.bounds.size or len(self._objects) >= self.bounds.objects:
                raise Undecided
            kind, data = self._read(name)
        except (KeyError, ValueError, pygit2.GitError):
            raise Undecided from None
        self._objects[oid] = found = (kind, data)
        return found

    def content(self, oid: bytes, kind: int) -> bytes:
        """The content of an object that has to be a `kind`."""
        found, data = self.read(oid)
        if found != kind:
            raise Undecided
        return data

    def commit(self, oid: bytes) -> Commit:
        if known := self._commits.get(oid):
            return known
        match = _commit.match(self.content(oid, COMMIT))
        if not match:
            raise Undecided
        parents = tuple(bytes.fromhex(line[7:].decode()) for line in match[2].splitlines())
        self._commits[oid] = commit = Commit(bytes.fromhex(match[1].decode()), parents, int(match[3]))
        return commit

    def peeled(self, oid: bytes) -> tuple[bytes, list[bytes]]:
        """What the tags at `oid` are of in the end, and the tags on the way there."""
        tags: list[bytes] = []
        while self.read(oid)[0] == TAG:
            tags.append(oid)
            match = _tag.match(self.read(oid)[1])
            if not match or len(tags) > _TAG_DEPTH:
                raise Undecided
            oid = bytes.fromhex(match[1].decode())
        return oid, tags


def nearest(objects: Objects, wants: Sequence[bytes], haves: Collection[bytes]) -> list[bytes] | None:
    """The wants, parents first, if they are just what is missing: each has a parent that is a have, and none that is neither have nor want.

    Then the haves need not be read. None where it is not so simple.
    """
    commits = set(wants)
    for want in commits:
        parents = objects.commit(want).parents
        if want in haves or not commits.union(haves).issuperset(parents) or not any(oid in haves for oid in parents):
            return None
    return list(_parents_first(objects, commits))


def ready(objects: Objects, wants: Iterable[bytes], haves: Iterable[bytes]) -> bool:
    """Whether each want has an ancestor that the client has: `ok_to_give_up` of git's upload-pack.c, for commits alone.

    As there, parents of what it has count too, and nothing older than the oldest have is looked behind. Raises Undecided, too,
    where it depends on the order in which git looks: what one want has reached, others may reach by it.
    """
    theirs: set[bytes] = set()
    oldest = 0
    for have in haves:
        commit = objects.commit(have)
        theirs.update((have, *commit.parents))
        if not oldest or commit.date < oldest:
            oldest = commit.date
    reached = {_reaches(objects, want, theirs, oldest) for want in wants}
    if len(reached) > 1:
        raise Undecided
    return reached.pop()


def _reaches(objects: Objects, want: bytes, theirs: set[bytes], oldest: int) -> bool:
    stack, seen = [want], {want}
    while stack:
        oid = stack.pop()
        if oid in theirs:
            return True
        parents = objects.commit(oid).parents
        if not theirs.isdisjoint(parents):
            return True
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                if len(seen) > _WALKED:
                    raise Undecided
                if objects.commit(parent).date >= oldest:
                    stack.append(parent)
    return False


def unknown(objects: Objects, wants: Iterable[bytes], haves: Iterable[bytes]) -> list[bytes]:
    """Commits that the wants reach and the haves do not, parents first.

    Dates that lie can make the list longer than it need be; it never lacks one that the client does not have.
    """
    walk = _Walk(objects)
    for oid in haves:
        walk.reach(oid, wanted=False)
    for oid in wants:
        walk.reach(oid, wanted=True)
    walk.run()
    found = walk.found
    if len(found) > _SENT:
        raise Undecided
    return list(_parents_first(objects, found))


class _Walk:
    """From the newest commits to older ones, until nothing is left that only the wants reach."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._heap: list[tuple[int, bytes]] = []
        self._wanted: dict[bytes, bool] = {}
        self._open: set[bytes] = set()  # wanted commits in the heap
        self._oldest = 1 << 62

    @property
    def found(self) -> set[bytes]:
        return {oid for oid, wanted in self._wanted.items() if wanted}

    def reach(self, oid: bytes, *, wanted: bool) -> None:
        before = self._wanted.get(oid)
        if before is not None and (wanted or not before):
            return  # nothing new: what is theirs stays theirs
        if before is None and len(self._wanted) >= _WALKED:
            raise Undecided
        self._wanted[oid] = wanted
        if wanted:
            self._open.add(oid)
        else:
            self._open.discard(oid)
        heappush(self._heap, (-self._objects.commit(oid).date, oid))

    def run(self) -> None:
        slop = _SLOP
        while self._heap:
            date, oid = heappop(self._heap)
            if not self._open:
                slop -= -date < self._oldest
                if slop < 0 or len(self._wanted) > _WALKED // 2:
                    return
            wanted = self._wanted[oid]
            if wanted:
                self._open.discard(oid)
                self._oldest = min(self._oldest, -date)
            for parent in self._objects.commit(oid).parents:
                self.reach(parent, wanted=wanted)


def _parents_first(objects: Objects, commits: set[bytes]) -> Iterator[bytes]:
    waiting = dict.fromkeys(commits)
    while waiting:
        stack = [next(iter(waiting))]
        while stack:
            before = [parent for parent in objects.commit(stack[-1]).parents if parent in waiting]
            if before:
                stack.extend(before)
                continue
            oid = stack.pop()
            if oid in waiting:
                del waiting[oid]
                yield oid
