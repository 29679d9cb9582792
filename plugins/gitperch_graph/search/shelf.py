"""The segments of one kind of one repository: its files, and which of them fit a row index."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_graph.base import PROVEN
from gitperch_graph.search.segments import ROWS, Segment, SegmentUnusable, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.search.segments import Layout


def oids(index: RowIndex, low: int, high: int) -> bytes:
    """The oids of the commits at heights `low` to `high`, one behind the other."""
    return bytes.fromhex("".join(index.oids(low, high)))


def numbers(index: RowIndex) -> range:
    """The segments that `index` wants, the newest first."""
    return range((index.total - 1) // ROWS, -1, -1)


def _proof(index: RowIndex, low: int, high: int) -> bytes:
    """Stands for the commits at heights `low` to `high`, as far as an index of the same repository can differ from another; cheap."""
    proven = min(high, index.floor) // PROVEN * PROVEN
    return (index.proof(proven) or b"") + digest_of(oids(index, max(low, proven), high))


@dataclass(frozen=True)
class Lack:
    """Heights `low` to `high`, all of segment `number`, of which nothing is written."""

    number: int
    low: int
    high: int


@dataclass
class Shelf:
    """`folder` holds the files. Everything here reads files and is for another thread than the event loop's."""

    folder: Path
    layout: Layout
    _segments: dict[int, Segment] = field(default_factory=dict)
    _known: dict[int, tuple[str, int, bytes]] = field(
        default_factory=dict
    )  # number: generation, count and proof that fitted

    @property
    def files(self) -> int:
        """How many are open."""
        return len(self._segments)

    def fitting(self, index: RowIndex, number: int) -> Segment | None:
        """Segment `number`, if all its commits are in `index` where the segment has them."""
        segment = self._opened(number)
        if not segment:
            return None
        base, end = number * ROWS, number * ROWS + segment.count
        if end > index.total:
            return None
        generation, count, proof = self._known.get(number, ("", 0, b""))
        if (generation, count) != (index.generation, segment.count):
            now = _proof(index, base, end)
            if (count, proof) != (segment.count, now) and digest_of(oids(index, base, end)) != segment.digest:
                return None
            self._known[number] = (index.generation, segment.count, now)
        return segment

    def standing(self, index: RowIndex, number: int) -> tuple[Segment | None, Lack | None]:
        """Segment `number`, if it fits, and what of it is not written."""
        segment = self.fitting(index, number)
        low, high = number * ROWS + (segment.count if segment else 0), min(index.total, (number + 1) * ROWS)
        return segment, Lack(number, low, high) if low < high else None

    def lacking(self, index: RowIndex, number: int) -> Lack | None:
        """What of segment `number` is not written."""
        return self.standing(index, number)[1]

    def lacks(self, index: RowIndex) -> list[Lack]:
        """All that is not written, the newest first."""
        wanted = numbers(index) if index.total else ()
        return [lack for number in wanted if (lack := self.lacking(index, number))]

    def renewed(self, number: int) -> None:
        """The file of segment `number` was replaced."""
        self._segments.pop(number, None)
        self._known.pop(number, None)

    def _opened(self, number: int) -> Segment | None:
        if number not in self._segments:
            try:
                self._segments[number] = Segment.open(self.layout, self.layout.file(self.folder, number))
            except SegmentUnusable:
                return None
        return self._segments[number]
