"""The refs that an index was made from: a table that is mapped with it, and what has moved since.

A hundred thousand refs are looked up where they lie; only those that moved become objects.
"""

from __future__ import annotations

import bisect
from array import array
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any

from gitperch_graph.repository import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch, tag or stash. `target` is the oid that it holds, `height` the commit's that it peels to, -1 where that is none."""

    name: str
    target: str
    height: int


@dataclass(frozen=True)
class RefTable:
    """Refs in the order of their names' bytes. `by_height` lists their numbers by height."""

    hash_size: int
    names: memoryview
    ends: Sequence[int]
    targets: memoryview
    heights: Sequence[int]
    by_height: Sequence[int]

    @classmethod
    def of(cls, refs: Iterable[Ref], hash_size: int) -> RefTable:
        entries = sorted((_encoded(ref.name), ref) for ref in refs)
        heights = array("i", [ref.height for _, ref in entries])
        return cls(
            hash_size,
            memoryview(b"".join(name for name, _ in entries)),
            array("I", [0, *accumulate(len(name) for name, _ in entries)]),
            memoryview(b"".join(bytes.fromhex(ref.target) for _, ref in entries)),
            heights,
            array("I", sorted(range(len(heights)), key=heights.__getitem__)),
        )

    @property
    def parts(self) -> dict[str, Any]:
        """As sections of a file."""
        return {
            "ref_names": self.names,
            "ref_ends": self.ends,
            "ref_targets": self.targets,
            "ref_heights": self.heights,
            "refs_by_height": self.by_height,
        }

    @classmethod
    def from_parts(cls, part: Callable[[str, str], memoryview], hash_size: int) -> RefTable:
        return cls(
            hash_size,
            part("ref_names", "B"),
            part("ref_ends", "I"),
            part("ref_targets", "B"),
            part("ref_heights", "i"),
            part("refs_by_height", "I"),
        )

    def __len__(self) -> int:
        return len(self.heights)

    def name(self, number: int) -> bytes:
        return bytes(self.names[self.ends[number] : self.ends[number + 1]])

    def ref(self, number: int) -> Ref:
        target = self.targets[number * self.hash_size : (number + 1) * self.hash_size].hex()
        return Ref(self.name(number).decode("utf-8", "surrogateescape"), target, self.heights[number])

    def find(self, name: str) -> Ref | None:
        key = _encoded(name)
        number = bisect.bisect_left(range(len(self)), key, key=self.name)
        return self.ref(number) if number < len(self) and self.name(number) == key else None

    def between(self, low: int, high: int) -> Iterator[Ref]:
        """Those whose commits are at heights `low` to `high` - 1, the lowest first, then by name."""
        by_height = self.by_height
        at = bisect.bisect_left(by_height, low, key=self.heights.__getitem__)
        while at < len(by_height) and self.heights[by_height[at]] < high:
            yield self.ref(by_height[at])
            at += 1


class Refs:
    """A table, and the refs that have moved since: by name, None for one that is gone. It does not change."""

    def __init__(
        self, table: RefTable, moved: Mapping[str, Ref | None] | None = None, count: int | None = None
    ) -> None:
        """`count`: how many there are now, where somebody knows."""
        self.table = table
        self.moved = dict(moved or {})
        self._count = len(table) + _more(self.moved, table.find) if count is None else count

    @cached_property
    def _by_height(self) -> dict[int, list[Ref]]:
        """Those that have moved."""
        found: dict[int, list[Ref]] = {}
        for ref in self.moved.values():
            if ref:
                found.setdefault(ref.height, []).append(ref)
        return found

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Ref]:
        """By name."""
        came = sorted((ref for ref in self.moved.values() if ref), key=lambda ref: _encoded(ref.name), reverse=True)
        for number in range(len(self.table)):
            ref = self.table.ref(number)
            while came and _encoded(came[-1].name) < self.table.name(number):
                yield came.pop()
            if ref.name not in self.moved:
                yield ref
        yield from reversed(came)

    def get(self, name: str) -> Ref | None:
        return self.moved[name] if name in self.moved else self.table.find(name)

    def height(self, name: str) -> int | None:
        """The commit's that a ref names; None where there is no such ref, or it names something else."""
        ref = self.get(name)
        return ref.height if ref and ref.height >= 0 else None

    def below(self, folder: str) -> Iterator[Ref]:
        """Those whose names begin with `folder`, in no order."""
        key = _encoded(folder)
        numbers = range(bisect.bisect_left(range(len(self.table)), key, key=self.table.name), len(self.table))
        there = map(self.table.ref, takewhile(lambda number: self.table.name(number).startswith(key), numbers))
        yield from (ref for ref in there if ref.name not in self.moved)
        yield from (ref for ref in self.moved.values() if ref and ref.name.startswith(folder))

    def between(self, low: int, high: int) -> dict[int, list[str]]:
        """The names of the refs at heights `low` to `high` - 1, by height, sorted."""
        found: dict[int, list[str]] = {}
        for ref in self.table.between(low, high):
            if ref.name not in self.moved:
                found.setdefault(ref.height, []).append(ref.name)
        if self._by_height:
            for height in self._by_height.keys() & range(low, high) if high - low < 4096 else self._by_height:
                if low <= height < high:
                    found.setdefault(height, []).extend(ref.name for ref in self._by_height[height])
        for names in found.values():
            names.sort(key=_encoded)
        return found

    def at(self, height: int) -> list[str]:
        """The names of the refs at a commit, sorted."""
        return self.between(height, height + 1).get(height, [])

    def differences(self, listed: bytes) -> dict[str, str | None]:
        """What `git for-each-ref` lists as `oid name`, in the order of the names, that is not here: name → oid, None for one
        that is here and not listed."""
        found: dict[str, str | None] = {}
        known = iter(self)
        ref = next(known, None)
        for oid, name in _listed(listed):
            key = _encoded(name)
            while ref and _encoded(ref.name) < key:
                found[ref.name] = None
                ref = next(known, None)
            if ref and ref.name == name:
                if ref.target != oid:
                    found[name] = oid
                ref = next(known, None)
            else:
                found[name] = oid
        if ref:
            found[ref.name] = None
        return found | {ref.name: None for ref in known}

    def with_moves(self, moves: Mapping[str, Ref | None]) -> Refs:
        return Refs(self.table, self.moved | dict(moves), self._count + _more(moves, self.get)) if moves else self


def _more(moves: Mapping[str, Ref | None], before: Callable[[str], Ref | None]) -> int:
    """How many more refs there are after `moves`."""
    return sum((ref is not None) - (before(name) is not None) for name, ref in moves.items())


def _listed(listed: bytes) -> Iterator[tuple[str, str]]:
    for line in listed.splitlines():
        oid, _, name = line.decode("utf-8", "surrogateescape").partition(" ")
        if name.startswith(SHOWN):
            yield oid, name


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
