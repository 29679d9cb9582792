"""Which commits of a segment a query means."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitperch_graph.search.segments import STRIDE

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Iterable, Sequence

    from gitperch_graph.search.segments import Segment

_DENSE = 16  # one hit in so many lines: looking at each line is faster than at each hit
# What costs least, and leaves least to look at, comes first.
_ORDER = {"hash": 0, "merge": 1, "author": 2, "after": 3, "before": 3, "branch": 4, "tag": 4, "path": 4, "file": 4}
_LAST = 5


@dataclass(frozen=True)
class Condition:
    """A term made ready. `heights` are the commits that it means by themselves: by hash, by ref or by path."""

    key: str
    negated: bool
    needle: bytes = b""
    time: int = 0
    heights: Collection[int] = ()


def arranged(conditions: Iterable[Condition]) -> list[Condition]:
    """In the order in which `matches` wants them."""
    return sorted(conditions, key=lambda one: (one.negated, _ORDER.get(one.key, _LAST)))


def matches(segment: Segment, base: int, low: int, high: int, conditions: Sequence[Condition]) -> list[int]:
    """The local rows from `low` (a multiple of STRIDE) up to `high` that meet all `conditions`, ascending.

    The segment begins at height `base`.
    """
    part = _Part(segment, base, low, high)
    found: set[int] = set(range(low, high))
    for condition in conditions:
        if not found:
            break
        rows = part.rows(condition, found)
        found = found.difference(rows) if condition.negated else found.intersection(rows)
    return sorted(found)


class _Part:
    """Some rows of a segment, with what has been read of it so far."""

    def __init__(self, segment: Segment, base: int, low: int, high: int) -> None:
        self._segment, self._base, self._low, self._high = segment, base, low, high

    def rows(self, condition: Condition, among: Collection[int]) -> Iterable[int]:
        """The rows of this part that meet `condition`, taken as not negated; maybe only those that are `among` them."""
        needle, time = condition.needle, condition.time
        match condition.key:
            case "text":
                found = {*self._by_subject(needle), *self._by_person(needle), *self._of(condition.heights)}
                return found.union(self._by_body(needle, among))
            case "message":
                return [*self._by_subject(needle), *self._by_body(needle, among)]
            case "author":
                return self._by_person(needle)
            case "merge":
                return self._merges
            case "after":
                return [row for row in among if self._times[row] >= time]
            case "before":
                return [row for row in among if self._times[row] < time]
        return self._of(condition.heights, among)

    @cached_property
    def _times(self) -> array[int]:
        return self._segment.numbers("times")

    @cached_property
    def _merges(self) -> list[int]:
        merges = self._segment.numbers("merges").tolist()
        return merges[bisect_left(merges, self._low) : bisect_left(merges, self._high)]

    @cached_property
    def _subjects(self) -> bytes:
        at = self._segment.numbers("subject_at")
        return self._segment.read("subjects", at[self._low // STRIDE], at[-(-self._high // STRIDE)])

    def _by_subject(self, needle: bytes) -> list[int]:
        return [self._low + line for line in lines_with(self._subjects, needle)]

    def _by_person(self, needle: bytes) -> list[int]:
        people = lines_with(self._segment.read("people"), needle)
        if not people:
            return []
        at, rows = self._segment.numbers("person_at"), self._segment.numbers("by_person")
        low, high = self._low, self._high
        return [row for nth in people for row in rows[at[nth] : at[nth + 1]] if low <= row < high]

    def _by_body(self, needle: bytes, among: Collection[int]) -> list[int]:
        rows, at = self._segment.numbers("body_row"), self._segment.numbers("body_at")
        wanted = sorted(among)
        found: list[int] = []
        for nth in range(len(rows) - 1):
            first, end = rows[nth], rows[nth + 1]
            nearest = bisect_left(wanted, first)
            if at[nth] == at[nth + 1] or nearest == len(wanted) or wanted[nearest] >= end:
                continue
            block = zlib.decompress(self._segment.read("bodies", at[nth], at[nth + 1]))
            found += [first + line for line in lines_with(block, needle)]
        return found

    def _of(self, heights: Collection[int], among: Collection[int] | None = None) -> list[int]:
        if among is None or len(heights) < len(among):
            return [height - self._base for height in heights if self._low <= height - self._base < self._high]
        return [row for row in among if row + self._base in heights]


def lines_with(text: bytes, needle: bytes) -> list[int]:
    """The numbers of the lines that hold `needle`, which has no line feed in it."""
    count = text.count(needle)
    if not count:
        return []
    if count * _DENSE > text.count(b"\n"):
        return [number for number, line in enumerate(text.split(b"\n")) if needle in line]
    found = []
    number, seen = 0, 0
    at = text.find(needle)
    while at >= 0:
        number += text.count(b"\n", seen, at)
        found.append(number)
        number += 1
        seen = text.find(b"\n", at) + 1
        at = text.find(needle, seen)
    return found
