"""The segments of one repository: its files, and which of them fit a row index."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_graph.search.build import file_of
from gitperch_graph.search.segments import ROWS, Segment, SegmentUnusable, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex


def oids(index: RowIndex, low: int, high: int) -> bytes:
    """The oids of the commits at heights `low` to `high`, one behind the other."""
    return bytes.fromhex("".join(map(index.oid, range(low, high))))


@dataclass(frozen=True)
class Lack:
    """Heights `low` to `high`, all of segment `number`, of which there are no texts yet."""

    number: int
    low: int
    high: int


@dataclass
class Shelf:
    """`folder` holds the files. Everything here reads files and is for another thread than the event loop's."""

    folder: Path
    _segments: dict[int, Segment] = field(default_factory=dict)
    _known: dict[int, tuple[str, int]] = field(default_factory=dict)  # number: generation, count of its rows that fit

    def numbers(self, index: RowIndex) -> range:
        """The segments that `index` wants, the newest first."""
        return range((index.total - 1) // ROWS, -1, -1)

    def fitting(self, index: RowIndex, number: int) -> Segment | None:
        """Segment `number`, if all its commits are in `index` where the segment has them."""
        segment = self._opened(number)
        if not segment:
            return None
        known = self._known.get(number)
        if known != (index.generation, segment.count):
            base = number * ROWS
            if base + segment.count > index.total:
                return None
            if digest_of(oids(index, base, base + segment.count)) != segment.digest:
                return None
            self._known[number] = (index.generation, segment.count)
        return segment

    def lacking(self, index: RowIndex, number: int) -> Lack | None:
        """What segment `number` has no texts of."""
        segment = self.fitting(index, number)
        low, high = number * ROWS + (segment.count if segment else 0), min(index.total, (number + 1) * ROWS)
        return Lack(number, low, high) if low < high else None

    def renewed(self, number: int) -> None:
        """The file of segment `number` was replaced."""
        self._segments.pop(number, None)
        self._known.pop(number, None)

    def remove(self) -> None:
        self._segments.clear()
        self._known.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _opened(self, number: int) -> Segment | None:
        if number not in self._segments:
            try:
                self._segments[number] = Segment.open(file_of(self.folder, number))
            except SegmentUnusable:
                return None
        return self._segments[number]
