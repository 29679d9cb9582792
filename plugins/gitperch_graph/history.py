"""The shape of a history in arrays: oids, parents and corrected dates, and the order of its rows."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MISSING = -1
"""Stands for a parent that the repository does not have: a shallow history ends there."""


@dataclass(frozen=True)
class History:
    """Commits by number. Those of `edges[first[n]:first[n + 1]]` are the parents of n, first parent first."""

    hash_size: int
    oids: bytes
    dates: array[int]
    first: array[int]
    edges: array[int]

    @property
    def count(self) -> int:
        return len(self.dates)

    def oid(self, number: int) -> bytes:
        return self.oids[number * self.hash_size : (number + 1) * self.hash_size]

    def parents(self, number: int) -> array[int]:
        return self.edges[self.first[number] : self.first[number + 1]]


def corrected(history: History) -> History:
    """The same history with corrected commit dates in place of committer dates: each greater than those of its parents.

    The same numbers as git's generation number v2 (gitformat-commit-graph(5)), where a clock that ran wrong cannot
    put a child below its parent. Raises ValueError for what is no history: a damaged file can hold a circle.
    """
    times, first, edges = history.dates, history.first, history.edges
    deepest = len(edges) + 1
    dates: array[int] = array("q", bytes(8 * history.count))  # 0: not known yet; a corrected date is at least 1
    for start in range(history.count):
        stack = [start]
        while stack:
            number = stack[-1]
            if dates[number]:
                stack.pop()
                continue
            date = max(times[number], 1)
            ready = True
            for parent in edges[first[number] : first[number + 1]]:
                if parent == MISSING:
                    continue
                if not dates[parent]:
                    stack.append(parent)
                    ready = False
                elif dates[parent] >= date:
                    date = dates[parent] + 1
            if len(stack) > deepest:
                raise ValueError("a commit is its own ancestor")
            if ready:
                dates[number] = date
                stack.pop()
    return History(history.hash_size, history.oids, dates, first, edges)


def by_oid(history: History) -> array[int]:
    """The commits sorted by oid."""
    # Few keys at a time: each is an object of its own, and there may be millions.
    numbers = array("I", range(history.count))
    buckets: list[array[int]] = [array("I") for _ in range(256)]
    size, oids = history.hash_size, history.oids
    for number in numbers:
        buckets[oids[number * size]].append(number)
    numbers = array("I")
    for bucket in buckets:
        numbers.extend(sorted(bucket, key=history.oid))
    return numbers


def ordered(history: History, tips: Iterable[int], by_oid: Iterable[int]) -> array[int]:
    """The commits that `tips` reach, newest first: by corrected date descending, ties by oid ascending.

    A corrected date is greater than every parent's, so that parents come below all their children.
    """
    # Stable also in reverse: commits of the same date keep the order of their oids.
    by_date = sorted(by_oid, key=history.dates.__getitem__, reverse=True)
    wanted = bytearray(history.count)
    for tip in tips:
        wanted[tip] = 1
    first, edges = history.first, history.edges
    kept = array("I")
    for number in by_date:
        if wanted[number]:
            kept.append(number)
            for parent in edges[first[number] : first[number + 1]]:
                if parent != MISSING:
                    wanted[parent] = 1
    return kept


def first_parents(history: History, tip: int) -> Iterator[int]:
    """`tip`, its first parent, that one's first parent, down to a root."""
    number = tip
    while number != MISSING:
        yield number
        start, end = history.first[number], history.first[number + 1]
        number = history.edges[start] if start < end else MISSING


def from_parents(hash_size: int, commits: Sequence[tuple[bytes, int, Sequence[bytes]]]) -> History:
    """A history from (oid, committer time, parents' oids); its dates come out corrected. A parent not listed is MISSING."""
    number = {oid: n for n, (oid, _, _) in enumerate(commits)}
    dates, first, edges = array("q"), array("I", [0]), array("i")
    for _, time, parents in commits:
        dates.append(time)
        edges.extend(number.get(parent, MISSING) for parent in parents)
        first.append(len(edges))
    return corrected(History(hash_size, b"".join(oid for oid, _, _ in commits), dates, first, edges))
