"""Lanes: where each commit stands and where each edge runs.

All edges to a commit that is awaited run in one lane, its *way*, from below its topmost child down to it, and there it stands.
A first parent that nobody awaits yet inherits its child's lane, so that a branch keeps its own; everything else takes the lowest
lane that is free. The default branch's first-parent chain stands in lane 0, which is its alone: an edge to it from elsewhere runs
in a way of its own and joins in the last row. So no edge ever crosses a commit that is not its end.

Commits are called by their height: 0 is the oldest, so that it stays the same when commits arrive on top.
"""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitperch_graph.top import Row

ABSENT = 0xFFFFFFFF
"""In place of a height: a parent that is not here, or an owner that is a commit of its own and no edge."""

_CHUNK = 1 << 15


@dataclass(frozen=True)
class Layout:
    """`node[h]` is the lane of the commit at height h, `edge[i]` that of the i-th edge; `count` how many lanes there are."""

    node: list[int]
    edge: list[int]
    count: int


def laid_out(
    first: Sequence[int], edges: Sequence[int], tips: Iterable[int], wishes: Sequence[int] | None = None
) -> Layout:
    """The lanes of a small history, given as to `ways`."""
    way, on_chain, count = ways(first, edges, tips, wishes=wishes)
    node = [0 if pinned else lane for lane, pinned in zip(way, on_chain, strict=True)]
    lanes = [0] * len(edges)
    for height, (start, end) in enumerate(pairwise(first)):
        for at in range(start, end):
            straight = at == start and on_chain[height]
            lanes[at] = node[height] if edges[at] == ABSENT or straight else way[edges[at]]
    return Layout(node, lanes, count)


def ways(  # noqa: C901 -- one loop over millions of rows, where a call for each would double the time
    first: Any,
    edges: Any,
    tips: Iterable[int],
    told: Callable[[int], None] | None = None,
    wishes: Sequence[int] | None = None,
) -> tuple[array[int], bytearray, int]:
    """(the way of each height, which heights are on the default branch's chain, how many lanes there are) of a whole history.

    `edges[first[h]:first[h + 1]]` are the heights of the parents of h (ABSENT: not here), both of anything whose slices have a
    `tolist`; `tips` has the default branch's tip, if there is one. Those on its first-parent chain stand in lane 0, whatever
    their way; -1 is that of one which nobody else has as a parent. `told` hears how many rows are done. `wishes` has for each
    height the way that it had before, or -1: it is given where that is free.
    """
    total = len(first) - 1
    way = array("i", [-1]) * total
    pinned = bytearray(total)
    for height in tips:
        pinned[height] = 1
    lowest = 1 if any(pinned) else 0
    free = _Wished(wishes, lowest) if wishes is not None else _Lowest(lowest)
    wishing = wishes is not None
    release, take = free.release, free.take
    for high in range(total, 0, -_CHUNK):
        low = max(0, high - _CHUNK)
        offsets = first[low : high + 1].tolist()
        begin = offsets[0]
        ends = edges[begin : offsets[-1]].tolist()
        stop = len(ends)
        for height in range(high - 1, low - 1, -1):
            start = offsets[height - low] - begin
            lane = way[height]
            at = start
            if pinned[height]:
                if lane >= 0:
                    release(lane)
                if at < stop and ends[at] != ABSENT:
                    pinned[ends[at]] = 1
                at += 1  # the chain's own edge
            else:
                if lane < 0:
                    way[height] = lane = take(height)
                if at < stop and (parent := ends[at]) != ABSENT and way[parent] < 0:
                    if wishing and free.has_wish(parent, lane):
                        way[parent] = take(parent)
                        release(lane)
                    else:
                        way[parent] = lane
                    at += 1
                else:
                    release(lane)
            while at < stop:
                parent = ends[at]
                at += 1
                if parent != ABSENT and way[parent] < 0:
                    way[parent] = take(parent)
            stop = start
        if told:
            told(total - low)
    return way, pinned, free.count


class _Lowest:
    """Free lanes, of which the lowest is given first. `count` is how many there are, free or not."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free: list[int] = []

    def release(self, lane: int) -> None:
        heapq.heappush(self._free, lane)

    def take(self, height: int) -> int:
        if self._free:
            return heapq.heappop(self._free)
        self.count += 1
        return self.count - 1

    def has_wish(self, height: int, lane: int) -> bool:
        """Whether another lane than its child's `lane` is free that the commit wishes for."""
        return False


class _Wished(_Lowest):
    """The one that a commit wishes for, if it is free, else the lowest."""

    def __init__(self, wishes: Sequence[int], count: int) -> None:
        super().__init__(count)
        self._wishes = wishes
        self._least = count
        self._is_free = bytearray()

    def release(self, lane: int) -> None:
        self._is_free[lane] = 1
        heapq.heappush(self._free, lane)

    def take(self, height: int) -> int:
        lane = self._wishes[height]
        if lane >= self._least:
            while lane >= self.count:
                self._add()
            if self._is_free[lane]:
                self._is_free[lane] = 0  # its entry in the heap stays behind
                return lane
        while True:
            while self._free:
                lane = heapq.heappop(self._free)
                if self._is_free[lane]:
                    self._is_free[lane] = 0
                    return lane
            self._add()

    def has_wish(self, height: int, lane: int) -> bool:
        wish = self._wishes[height]
        return wish != lane and self._least <= wish < self.count and bool(self._is_free[wish])

    def _add(self) -> None:
        self._is_free.extend(bytes(self.count + 1 - len(self._is_free)))
        self.count += 1
        self.release(self.count - 1)


@dataclass
class Lanes:
    """Lanes in use, while commits are put on top. `top[l]` is the greatest height at which lane l is in use, `owner[l]` the
    height where the edge in use there ends."""

    top: array[int]
    owner: array[int]
    pinned: bool

    @property
    def count(self) -> int:
        return len(self.top)

    def place(self, height: int, lanes_of: Callable[[int], int], parents: Sequence[int], on_chain: bool) -> list[int]:
        """Lay out one more commit at `height`, above all its parents, without moving anything.

        The answer is its lane, and after it those of its edges. `lanes_of` knows the lane of each parent; `on_chain` says that
        it continues the default branch's chain. What is taken is free from the parent up, so that whatever stands above the
        new commit does not mind.
        """
        if on_chain:
            lane = 0
        elif parents and parents[0] != ABSENT:
            lane = self._way_down(parents[0], lanes_of, height)
        else:
            lane = self._lowest_free(height)
        found = [lane]
        self.use(lane, height, ABSENT)
        for nth, parent in enumerate(parents):
            if parent == ABSENT or nth == 0:
                found.append(lane)
            else:
                edge = self._way_down(parent, lanes_of, ABSENT)
                found.append(edge)
                self.use(edge, height - 1, parent)
        return found

    def _way_down(self, parent: int, lanes_of: Callable[[int], int], below: int) -> int:
        """A lane that is free all the way from the top to `parent`: its own, else that of its other edges, else the lowest.

        Its other edges must not be in use at height `below`, where a commit is to stand.
        """
        own = lanes_of(parent)
        if own >= self.pinned and self.top[own] <= parent:
            return own
        for lane in range(self.pinned, self.count):
            if self.owner[lane] == parent and self.top[lane] < below:
                return lane
        return self._lowest_free(parent)

    def use(self, lane: int, height: int, owner: int) -> None:
        """Note that a lane is in use at `height`, by an edge to `owner` or, ABSENT, by a commit."""
        while lane >= self.count:
            self.top.append(0)
            self.owner.append(ABSENT)
        if height >= self.top[lane]:
            self.top[lane] = height
            self.owner[lane] = owner

    def use_row(self, height: int, row: Row) -> None:
        """Note what a row that is laid out takes."""
        self.use(row.lane, height, ABSENT)
        for parent, edge in zip(row.parents, row.edges, strict=True):
            if parent not in (ABSENT, height - 1):
                self.use(edge, height - 1, parent)

    def _lowest_free(self, above: int) -> int:
        """The lowest lane in which nothing is at height `above` or higher."""
        for lane in range(self.pinned, self.count):
            if self.top[lane] < above:
                return lane
        return max(self.count, int(self.pinned))
