"""The base of an index: all rows but the newest, in a mapped file that never changes, about ten bytes a commit.

What lies where:

- `order`: each height's position in git's commit-graph, of whose layers the checksums are in the file.
- `step`: the distance down to the first parent; 0 for a root, FAR where the parents are all in `more`.
- `way`: the lane in which edges to the commit run, and where it stands; with ON_CHAIN set it stands in lane 0. HAS_CHILD: another
  commit of the base has it as a parent.
- `more`: further parents, and those that are far, as (child, parent), sorted by child.
- `odd`: the edges that run in another lane than their parent's way, as (child, which parent, lane), sorted by child.
- `mark`: for every `stride` heights the edges from there or above to below, as (lane, parent).
- `proof`: a digest of the oids of all rows below, for every PROVEN heights.
"""

from __future__ import annotations

import bisect
import mmap
import sys
from typing import TYPE_CHECKING, NamedTuple

from gitperch_graph.lanes import ABSENT
from gitperch_graph.sections import Checked, IndexUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitperch_graph.commit_graph import CommitGraph
    from gitperch_graph.sections import Column, Sections

FAR = 0xFFFF
PROVEN = 4096
PROOF_SIZE = 16

_PIECE = 1 << 14  # rows that are searched at once

NARROW = "H"  # the type of `way` as long as lanes are few


def bits(typecode: str) -> tuple[int, int, int]:
    """(ON_CHAIN, HAS_CHILD, the mask for lanes) of a `way` of this type."""
    highest = 1 << (15 if typecode == NARROW else 31)
    return highest, highest >> 1, (highest >> 1) - 1


class Edges(NamedTuple):
    """What is drawn of one commit: its lane, its parents' heights and the lanes of the edges to them."""

    lane: int
    parents: list[int]
    lanes: list[int]


class Base:
    def __init__(self, sections: Sections, graph: CommitGraph | None) -> None:
        """`graph` may be None for whoever asks for no oids and dates. Raises IndexUnusable."""
        self.checksum = sections.checksum
        self.count: int = sections.meta["floor"]
        self.stride: int = sections.meta["stride"]
        self._graph = graph
        self._mapped = sections.mapped
        self.order = sections.column("order", "I")
        self.step = sections.column("step", "H")
        self.typecode = typecode = sections.meta["way"]
        self._on_chain, self._has_child, self._lanes = bits(typecode)
        self.way = sections.column("way", typecode)
        self.more_child, self.more_to = sections.column("more_child", "I"), sections.column("more_to", "I")
        self.odd_child, self.odd_nth = sections.column("odd_child", "I"), sections.column("odd_nth", "I")
        self.odd_lane = sections.column("odd_lane", "I")
        self.mark_first = sections.array("mark_first", "I")
        self.mark_lane, self.mark_to = sections.column("mark_lane", typecode), sections.column("mark_to", "I")
        self.lane_top, self.lane_owner = sections.array("lane_top", "I"), sections.array("lane_owner", "I")
        self.proof = sections.array("proof", "B")
        if not len(self.order) == len(self.step) == len(self.way) == self.count:
            raise IndexUnusable("the index is damaged")

    def trust(self) -> None:
        """All of the file is known to be as it was written: it is not asked at every look any more."""
        for name, column in vars(self).items():
            if isinstance(column, Checked):
                setattr(self, name, column.values)

    @property
    def has_graph(self) -> bool:
        return self._graph is not None

    @property
    def graph(self) -> CommitGraph:
        assert self._graph  # noqa: S101 -- it was opened with it
        return self._graph

    def oids(self, low: int, high: int) -> list[bytes]:
        return self.graph.oids(self.order[low:high]) if low < high else []

    def lane(self, height: int) -> int:
        """In which the commit stands."""
        way = self.way[height]
        return 0 if way & self._on_chain else way & self._lanes

    def on_chain(self, height: int) -> bool:
        return bool(self.way[height] & self._on_chain)

    def has_child(self, height: int) -> bool:
        return bool(self.way[height] & self._has_child)

    def date(self, height: int) -> int:
        return self.graph.date(self.order[height])

    def find(self, oid: bytes) -> int | None:
        """The height of a commit; None for one that is not in the base."""
        position = self.graph.find(oid) if self.count else None
        return None if position is None else self.height(position, oid)

    def height(self, position: int, oid: bytes) -> int | None:
        """The height of the commit at a position of the commit-graph."""
        date = self.graph.date(position)
        at = bisect.bisect_left(range(self.count), date, key=self.date)
        while at < self.count:
            if self.order[at] == position:
                return at
            if self.date(at) != date or self.oids(at, at + 1)[0] < oid:
                return None
            at += 1
        return None

    def drawn(self, low: int, high: int) -> list[Edges]:
        """What is drawn of heights `low` to `high` - 1."""
        ways = self.way[low:high].tolist()
        more = bisect.bisect_left(self.more_child, low)
        odd = bisect.bisect_left(self.odd_child, low)
        more_child, odd_child = self._upto(self.more_child, more, high), self._upto(self.odd_child, odd, high)
        more_to = self.more_to[more : more + len(more_child)].tolist()
        on_chain, mask, way_of = self._on_chain, self._lanes, self.way
        found = []
        at, strange = 0, 0
        for height, (step, way) in enumerate(zip(self.step[low:high].tolist(), ways, strict=True), low):
            parents = [height - step] if 0 < step < FAR else []
            while at < len(more_child) and more_child[at] == height:
                parents.append(more_to[at])
                at += 1
            lane = 0 if way & on_chain else way & mask
            lanes = [lane if to == ABSENT else way_of[to] & mask for to in parents]
            if way & on_chain and parents:
                lanes[0] = 0
            while strange < len(odd_child) and odd_child[strange] == height:
                lanes[self.odd_nth[odd + strange]] = self.odd_lane[odd + strange]
                strange += 1
            found.append(Edges(lane, parents, lanes))
        return found

    def children(self, height: int) -> list[int]:
        """The heights of a commit's children in the base, the oldest first."""
        if not self.has_child(height):
            return []
        found = set(self._in_more(height))
        highest = min(self.count, height + FAR)
        for low in range(height + 1, highest, _PIECE):
            steps = self.step[low : min(low + _PIECE, highest)].tolist()
            found.update(child for child, step in enumerate(steps, low) if child - step == height)
        return sorted(found)

    def _in_more(self, height: int) -> Iterator[int]:
        """The children that name the commit in `more`."""
        data, wanted = self.more_to[:].cast("B"), height.to_bytes(4, sys.byteorder)
        for begin in range(bisect.bisect_right(self.more_child, height) * 4, len(data), _PIECE * 4):
            piece = bytes(data[begin : begin + _PIECE * 4])
            at = piece.find(wanted)
            while at >= 0:
                if at % 4 == 0:
                    yield self.more_child[(begin + at) // 4]
                at = piece.find(wanted, at + 1)

    def _upto(self, column: Column, start: int, high: int) -> Sequence[int]:
        """The part of a sorted column from `start` up to what is below `high`."""
        end = bisect.bisect_left(column, high, start)
        values: list[int] = column[start:end].tolist()
        return values

    def coming_down(self, height: int) -> set[tuple[int, int]]:
        """(lane, height of the parent) of the edges from rows of the base above `height` to it or below."""
        mark = height // self.stride + 1
        top = self.count
        alive: set[tuple[int, int]] = set()
        if mark < len(self.mark_first) - 1:
            top = mark * self.stride
            part = slice(self.mark_first[mark], self.mark_first[mark + 1])
            alive.update(zip(self.mark_lane[part].tolist(), self.mark_to[part].tolist(), strict=True))
        for row in self.drawn(height + 1, top):
            alive.update(zip(row.lanes, row.parents, strict=True))
        return {(lane, to) for lane, to in alive if to <= height}

    def proven(self, count: int) -> bytes | None:
        """A digest of the oids at heights 0 to `count` - 1; None where there is none."""
        if count % PROVEN or not 0 < count <= self.count:
            return None
        at = (count // PROVEN - 1) * PROOF_SIZE
        return bytes(self.proof[at : at + PROOF_SIZE])

    def rest(self) -> None:
        """Give back the memory of pages that were looked at; they stay in the system's cache."""
        if self._mapped:
            self._mapped.madvise(mmap.MADV_DONTNEED)
