"""Lanes: where each commit stands and where each edge runs.

All edges to a commit that is awaited run in one lane, from below its topmost child down to it. A first parent that nobody
awaits yet inherits its child's lane, so that a branch keeps its own; everything else takes the lowest lane that is free.
The default branch's first-parent chain stands in lane 0, which is its alone: an edge to it from elsewhere runs in a lane of
its own and joins in the last row. So no edge ever crosses a commit that is not its end.

Commits are called by their height: 0 is the oldest, so that it stays the same when commits arrive on top.
"""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

ABSENT = 0xFFFFFFFF
"""In place of a height: a parent that is not here, or an owner that is a commit of its own and no edge."""


@dataclass
class Lanes:
    """The layout. `node[h]` is the lane of the commit at height h, `edge[i]` that of the i-th edge.

    `top[l]` is the greatest height at which lane l is in use, `owner[l]` the height where the edge in use there ends.
    """

    node: array[int]
    edge: array[int]
    top: array[int]
    owner: array[int]

    @property
    def count(self) -> int:
        return len(self.top)


def laid_out(first: Sequence[int], edges: Sequence[int], chain: Collection[int]) -> Lanes:
    """The lanes of a whole history.

    `edges[first[h]:first[h + 1]]` are the heights of the parents of h (ABSENT: not here); `chain` holds the heights of the
    default branch's first-parent chain.
    """
    total = len(first) - 1
    pinned = bytearray(total)
    for height in chain:
        pinned[height] = 1
    layout = _Descent(total, len(edges))
    if chain:
        layout.take(max(chain), ABSENT)
    for height in range(total - 1, -1, -1):
        parents = edges[first[height] : first[height + 1]]
        if pinned[height]:
            layout.put_on_chain(height, first[height], parents)
        else:
            layout.put(height, first[height], parents)
    return layout.lanes


class _Descent:
    """Goes down a history from its top, keeping which lanes are free and in which one each commit is awaited."""

    def __init__(self, total: int, edges: int) -> None:
        self.lanes = Lanes(array("I", bytes(4 * total)), array("I", bytes(4 * edges)), array("I"), array("I"))
        self._awaited = array("i", [-1]) * total
        self._free: list[int] = []

    def take(self, top: int, owner: int) -> int:
        """The lowest free lane; `top` and `owner` are noted when it is used for the first time."""
        if self._free:
            return heapq.heappop(self._free)
        self.lanes.top.append(top)
        self.lanes.owner.append(owner)
        return len(self.lanes.top) - 1

    def put_on_chain(self, height: int, at: int, parents: Sequence[int]) -> None:
        lane = self._awaited[height]
        if lane >= 0:
            heapq.heappush(self._free, lane)
        self.lanes.node[height] = 0
        for i, parent in enumerate(parents):
            self.lanes.edge[at + i] = 0 if i == 0 or parent == ABSENT else self._lane_to(parent, height)

    def put(self, height: int, at: int, parents: Sequence[int]) -> None:
        lane = self._awaited[height]
        if lane < 0:
            lane = self.take(height, ABSENT)
        self.lanes.node[height] = lane
        if parents and parents[0] != ABSENT and self._awaited[parents[0]] < 0:
            self._awaited[parents[0]] = lane
        else:
            heapq.heappush(self._free, lane)
        for i, parent in enumerate(parents):
            self.lanes.edge[at + i] = lane if parent == ABSENT else self._lane_to(parent, height)

    def _lane_to(self, parent: int, height: int) -> int:
        lane = self._awaited[parent]
        if lane < 0:
            lane = self._awaited[parent] = self.take(height - 1, parent)
        return lane


def place(lanes: Lanes, height: int, parents: Sequence[int], on_chain: bool, pinned: bool) -> None:
    """Lay out one more commit on top, at `height`, without moving anything: its lane and its edges' are appended.

    `on_chain` says that it continues the default branch's chain, `pinned` that there is such a chain at all.
    """
    lowest = 1 if pinned else 0
    if on_chain:
        lane = 0
    elif parents and parents[0] != ABSENT:
        lane = _way_down(lanes, parents[0], lowest)
    else:
        lane = _lowest_free(lanes, height, lowest)
    lanes.node.append(lane)
    _use(lanes, lane, height, ABSENT)
    for i, parent in enumerate(parents):
        if parent == ABSENT or i == 0:
            lanes.edge.append(lane)
        else:
            edge = _way_down(lanes, parent, lowest)
            lanes.edge.append(edge)
            _use(lanes, edge, height - 1, parent)


def _way_down(lanes: Lanes, parent: int, lowest: int) -> int:
    """A lane that is free all the way from the top down to `parent`: its own, else that of its other edges, else the lowest."""
    own = lanes.node[parent]
    if own >= lowest and lanes.top[own] <= parent:
        return own
    for lane in range(lowest, lanes.count):
        if lanes.owner[lane] == parent:
            return lane
    return _lowest_free(lanes, parent, lowest)


def _lowest_free(lanes: Lanes, above: int, lowest: int) -> int:
    """The lowest lane in which nothing is at height `above` or higher."""
    for lane in range(lowest, lanes.count):
        if lanes.top[lane] < above:
            return lane
    return max(lanes.count, lowest)


def _use(lanes: Lanes, lane: int, height: int, owner: int) -> None:
    if lane == lanes.count:
        lanes.top.append(height)
        lanes.owner.append(owner)
    elif height >= lanes.top[lane]:
        lanes.top[lane] = height
        lanes.owner[lane] = owner
