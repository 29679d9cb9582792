"""The top of an index: its newest rows, small enough to be held in memory and made anew when somebody pushes."""

from __future__ import annotations

import bisect
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gitperch_graph.lanes import Lanes

KEPT = 1024
"""Rows that a build leaves here: so many may still change places, when somebody amends a commit or pushes an older one."""


@dataclass(frozen=True)
class Row:
    """A commit of the top, on its own: `parents` and `edges` are heights and lanes, one for each parent."""

    oid: bytes
    date: int
    lane: int
    parents: Sequence[int]
    edges: Sequence[int]


@dataclass(frozen=True)
class Top:
    """Rows from height `floor` up, as arrays. `edge_to[first[n]:first[n + 1]]` are the heights of the parents of the n-th, and
    `edge_lane` the lanes of the edges to them. `lane_top` and `lane_owner` are about all rows, those below, too."""

    floor: int
    hash_size: int
    oids: bytes
    dates: Sequence[int]
    first: Sequence[int]
    edge_to: Sequence[int]
    edge_lane: Sequence[int]
    node_lane: Sequence[int]
    lane_top: Sequence[int]
    lane_owner: Sequence[int]

    @classmethod
    def of(cls, floor: int, hash_size: int, rows: Iterable[Row], lanes: Lanes) -> Top:
        oids, dates, first, edge_to = bytearray(), array("q"), array("I", [0]), array("I")
        edge_lane, node_lane = array("I"), array("I")
        for row in rows:
            oids += row.oid
            dates.append(row.date)
            edge_to.extend(row.parents)
            edge_lane.extend(row.edges)
            node_lane.append(row.lane)
            first.append(len(edge_to))
        return cls(floor, hash_size, bytes(oids), dates, first, edge_to, edge_lane, node_lane, lanes.top, lanes.owner)

    @property
    def parts(self) -> dict[str, Any]:
        """As sections of a file."""
        return {f"top_{name}": getattr(self, name) for name in ("oids", *_TYPES)}

    @classmethod
    def from_parts(cls, floor: int, hash_size: int, part: Callable[[str, str], memoryview]) -> Top:
        """Copied out of a file, so that this stays when the file is replaced."""
        columns = {name: array(typecode, part(f"top_{name}", typecode)) for name, typecode in _TYPES.items()}
        return cls(floor, hash_size, bytes(part("top_oids", "B")), **columns)

    def begins_with(self, before: Top) -> bool:
        """Whether `before`, which stands on the same base, is the lower part of this."""
        edges = len(before.edge_to)
        return (
            self.oids.startswith(before.oids)
            and self.node_lane[: len(before)] == before.node_lane
            and self.edge_lane[:edges] == before.edge_lane
        )

    def __len__(self) -> int:
        return len(self.node_lane)

    @property
    def total(self) -> int:
        return self.floor + len(self)

    def oid(self, height: int) -> bytes:
        at = (height - self.floor) * self.hash_size
        return self.oids[at : at + self.hash_size]

    def find(self, oid: bytes) -> int | None:
        at = self.oids.find(oid)
        while at >= 0 and at % self.hash_size:
            at = self.oids.find(oid, at + 1)
        return None if at < 0 else self.floor + at // self.hash_size

    def beginning_with(self, prefix: str) -> Iterator[int]:
        whole = bytes.fromhex(prefix[: len(prefix) // 2 * 2])
        size = self.hash_size
        for n in range(len(self)):
            if self.oids.startswith(whole, n * size) and self.oids[n * size : (n + 1) * size].hex().startswith(prefix):
                yield self.floor + n

    def row(self, height: int) -> Row:
        n = height - self.floor
        edges = slice(self.first[n], self.first[n + 1])
        return Row(self.oid(height), self.dates[n], self.node_lane[n], self.edge_to[edges], self.edge_lane[edges])

    def place_of(self, date: int, oid: bytes) -> int:
        """The height at which a commit of this date belongs; `floor` also if it belongs below."""
        # From the bottom up: by date, among those of the same date by oid descending.
        at = bisect.bisect_left(self.dates, date)
        while at < len(self) and self.dates[at] == date and self.oid(self.floor + at) > oid:
            at += 1
        return self.floor + at

    def children(self, height: int) -> Iterator[int]:
        """The heights of a commit's children in the top, the oldest first."""
        for n in range(max(0, height + 1 - self.floor), len(self)):
            if height in self.edge_to[self.first[n] : self.first[n + 1]]:
                yield self.floor + n

    def coming_down(self, height: int) -> set[tuple[int, int]]:
        """(lane, height of the parent) of the edges from rows above `height` to it or below."""
        start = self.first[max(0, height + 1 - self.floor)]
        pairs = set(zip(self.edge_lane[start:], self.edge_to[start:], strict=True))
        return {(lane, to) for lane, to in pairs if to <= height}


_TYPES = {
    "dates": "q",
    "first": "I",
    "edge_to": "I",
    "edge_lane": "I",
    "node_lane": "I",
    "lane_top": "I",
    "lane_owner": "I",
}
