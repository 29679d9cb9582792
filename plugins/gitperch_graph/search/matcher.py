"""Which commits of a piece of the history a query means."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitperch_graph.search.lines import lines_with
from gitperch_graph.search.manners import give_way
from gitperch_graph.search.segments import PATHS, STRIDE, TEXTS

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Iterable, Sequence

    from gitperch_graph.search.paths import Wanted
    from gitperch_graph.search.reach import Reach
    from gitperch_graph.search.segments import Layout, Segment
    from gitperch_graph.search.texts import Piece

# What costs least, and leaves least to look at, comes first.
_ORDER = ("hash", "merge", "author", "path", "file", "after", "before", "text", "message", "branch", "tag")
_FEW = 3  # one line in so many is looked at by itself
OF_REFS = ("branch", "tag")


@dataclass(frozen=True)
class Condition:
    """A term made ready. `heights` are the commits that it means by their hash."""

    key: str
    negated: bool
    needle: bytes = b""
    time: int = 0
    heights: Collection[int] = ()
    paths: Wanted | None = None
    reach: Reach | None = None

    @property
    def layout(self) -> Layout | None:
        """The kind of segments that it looks into."""
        if self.key in ("path", "file"):
            return PATHS
        return None if self.key in ("hash", *OF_REFS) else TEXTS


def arranged(conditions: Iterable[Condition]) -> list[Condition]:
    """In the order in which `matches` wants them: long words are rarer than short ones."""
    return sorted(conditions, key=lambda one: (one.negated, _ORDER.index(one.key), -len(one.needle)))


def matches(piece: Piece, low: int, high: int, conditions: Sequence[Condition]) -> list[int]:
    """The rows of `piece` from `low` (a multiple of STRIDE) up to `high` that meet all `conditions`, ascending."""
    part = _Part(piece, low, high)
    found: range | set[int] = range(low, high)
    for condition in conditions:
        if not found:
            break
        rows = part.rows(condition, found)
        give_way(len(rows))
        found = _left(found, rows, condition.negated)
        give_way(len(found))
    return sorted(found)


def _left(found: range | set[int], rows: Iterable[int], negated: bool) -> set[int]:
    if negated:
        return set(found).difference(rows)
    return set(rows) if isinstance(found, range) else found.intersection(rows)


class _Part:
    """Some rows of a piece, with what has been read of it so far."""

    def __init__(self, piece: Piece, low: int, high: int) -> None:
        self._base, self._low, self._high = piece.base, low, high
        self._segments = piece.segments

    def rows(self, condition: Condition, among: range | set[int]) -> Collection[int]:
        """The rows of this part that meet `condition`, taken as not negated; maybe only those that are `among` the given."""
        needle, time = condition.needle, condition.time
        match condition.key:
            case "text":
                found = {*self._by_subject(needle, among), *self._by_person(needle), *self._of(condition.heights)}
                return found.union(self._by_body(needle, among))
            case "message":
                return [*self._by_subject(needle, among), *self._by_body(needle, among)]
            case "author":
                return self._by_person(needle)
            case "merge":
                return self._merges
            case "after":
                return [row for row in among if self._times[row] >= time]
            case "before":
                return [row for row in among if self._times[row] < time]
        if condition.reach:
            reached = condition.reach.between(self._base + self._low, self._base + self._high)
            give_way(len(reached))
            return [height - self._base for height in reached]
        return self._by_path(condition.paths) if condition.paths else self._of(condition.heights)

    @property
    def _texts(self) -> Segment:
        return self._segments[TEXTS]

    @cached_property
    def _times(self) -> array[int]:
        return self._texts.numbers("times")

    @cached_property
    def _merges(self) -> list[int]:
        merges = self._texts.numbers("merges").tolist()
        return merges[bisect_left(merges, self._low) : bisect_left(merges, self._high)]

    @cached_property
    def _subjects(self) -> bytes:
        at = self._texts.numbers("subject_at")
        return self._texts.read("subjects", at[self._low // STRIDE], at[-(-self._high // STRIDE)])

    @cached_property
    def _subject_lines(self) -> list[bytes]:
        return self._subjects.split(b"\n")

    def _by_subject(self, needle: bytes, among: range | set[int]) -> list[int]:
        low, high = self._low, self._high
        if isinstance(among, set) and len(among) * _FEW < high - low:
            lines = self._subject_lines
            return [row for row in among if needle in lines[row - low]]
        # The last mark may be beyond what is asked for.
        return [row for line in lines_with(self._subjects, needle) if (row := low + line) < high]

    def _by_person(self, needle: bytes) -> list[int]:
        return self._grouped(self._texts, "person", lines_with(self._texts.read("people"), needle))

    def _by_path(self, wanted: Wanted) -> set[int]:
        segment = self._segments[PATHS]
        return set(self._grouped(segment, "path", wanted.lines(zlib.decompress(segment.read("paths")))))

    def _grouped(self, segment: Segment, kind: str, groups: Sequence[int]) -> list[int]:
        """The rows of some of the segment's people or paths."""
        if not groups:
            return []
        at, rows = segment.numbers(f"{kind}_at"), segment.numbers(f"by_{kind}")
        low, high = self._low, self._high
        return [row for nth in groups for row in rows[at[nth] : at[nth + 1]] if low <= row < high]

    def _by_body(self, needle: bytes, among: range | set[int]) -> list[int]:
        rows, at = self._texts.numbers("body_row"), self._texts.numbers("body_at")
        wanted = among if isinstance(among, range) else sorted(among)
        found: list[int] = []
        for nth in range(len(rows) - 1):
            first, end = rows[nth], rows[nth + 1]
            nearest = bisect_left(wanted, first)
            if at[nth] == at[nth + 1] or nearest == len(wanted) or wanted[nearest] >= end:
                continue
            block = zlib.decompress(self._texts.read("bodies", at[nth], at[nth + 1]))
            found += [row for line in lines_with(block, needle) if self._low <= (row := first + line) < self._high]
        return found

    def _of(self, heights: Collection[int]) -> list[int]:
        return [height - self._base for height in heights if self._low <= height - self._base < self._high]
