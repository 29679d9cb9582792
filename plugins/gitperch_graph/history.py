"""A history in numpy's arrays: what a commit-graph file holds, its corrected dates, and who reaches whom.

For helper processes: the server never imports this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gitperch_graph.commit_graph import HIGH_BIT, NO_PARENT, CommitGraphError
from gitperch_graph.lanes import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitperch_graph.commit_graph import CommitGraph, Layer

Array = np.ndarray[Any, Any]

HIDDEN = 0x6FFFFFFF
"""In files of our own, in place of a parent that the repository does not have; git's never get so far."""

_PIECE = 1 << 16  # records read at a time


@dataclass
class History:
    """Every commit of a commit-graph by position. `edges[first[n]:first[n + 1]]` are the parents of n, in git's order;
    ABSENT: not here. `dates` are the corrected ones, greater than those of all parents."""

    graph: CommitGraph
    dates: Array
    first: Array
    edges: Array

    @property
    def count(self) -> int:
        return len(self.dates)

    @classmethod
    def of(cls, graph: CommitGraph) -> History:
        """Raises CommitGraphError for what is no history."""
        dates, first, edges = read(graph)
        if edges.size and int(edges[edges != ABSENT].max(initial=0)) >= graph.count:
            raise CommitGraphError("the commit-graph names parents that it does not hold")
        if graph.has_dates:
            for layer, start in zip(graph.layers, graph.starts, strict=False):
                _add_offsets(layer, dates[start : start + layer.count])
        else:
            dates = corrected(dates, first, edges)
        for low in range(0, graph.count, _PIECE):
            if not _descends(dates, first, edges, low, min(low + _PIECE, graph.count)):
                raise CommitGraphError("a commit is not below its child: the commit-graph is damaged")
        return cls(graph, dates, first, edges)


def _descends(dates: Array, first: Array, edges: Array, low: int, high: int) -> bool:
    """Whether these commits' parents are all older, by their dates."""
    parents = edges[first[low] : first[high]]
    children = np.repeat(dates[low:high], np.diff(first[low : high + 1]))
    here = parents != ABSENT
    return not np.any(dates[parents[here]] >= children[here])


def times(graph: CommitGraph) -> Array:
    """Committer times by position."""
    found, unused = np.empty(graph.count, np.int64), np.empty(graph.count, np.uint32)
    for layer, start in zip(graph.layers, graph.starts, strict=False):
        _read_commits(layer, start, unused, unused, found)
    return found


def read(graph: CommitGraph) -> tuple[Array, Array, Array]:
    """(committer times, first, edges) by position. Raises CommitGraphError."""
    count = graph.count
    one, two, times = np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty(count, np.int64)
    more: dict[int, list[int]] = {}
    for layer, start in zip(graph.layers, graph.starts, strict=False):
        _read_commits(layer, start, one, two, times)
        many = np.flatnonzero(two[start : start + layer.count] & HIGH_BIT) + start
        if many.size:
            more |= _octopuses(layer, many, two[many])
    first, edges = _listed(one, two, more)
    return times, first, edges


def _listed(one: Array, two: Array, more: dict[int, list[int]]) -> tuple[Array, Array]:
    """(`first`, `edges`) of first parents, second ones, and all but the first of octopuses."""
    has_one, has_two = one != NO_PARENT, two != NO_PARENT
    lengths = has_one.astype(np.uint32) + (has_one & has_two)
    for position, parents in more.items():
        lengths[position] = 1 + len(parents)
    first = np.zeros(len(one) + 1, np.uint32)
    np.cumsum(lengths, out=first[1:])
    edges = np.empty(int(first[-1]), np.uint32)
    edges[first[:-1][has_one]] = one[has_one]
    has_two = lengths == 2  # octopuses of two are put right below
    edges[first[:-1][has_two] + 1] = two[has_two]
    for position, parents in more.items():
        at = int(first[position]) + 1
        edges[at : at + len(parents)] = parents
    edges[edges == HIDDEN] = ABSENT
    return first, edges


def _read_commits(layer: Layer, start: int, one: Array, two: Array, times: Array) -> None:
    record = np.dtype(
        [("tree", f"V{layer.hash_size}"), ("one", ">u4"), ("two", ">u4"), ("above", ">u4"), ("time", ">u4")]
    )
    at = start
    for piece in layer.pieces(b"CDAT", record.itemsize, _PIECE):
        commits = np.frombuffer(piece, record)
        end = at + len(commits)
        one[at:end], two[at:end] = commits["one"], commits["two"]
        times[at:end] = ((commits["above"] & 3).astype(np.int64) << 32) | commits["time"]
        at = end


def _add_offsets(layer: Layer, dates: Array) -> None:
    """Make corrected dates of a layer's committer times."""
    at = 0
    for piece in layer.pieces(b"GDA2", 4, _PIECE):
        offsets = np.frombuffer(piece, ">u4").astype(np.int64)
        large = np.flatnonzero(offsets & HIGH_BIT)
        if large.size:
            beyond = np.frombuffer(b"".join(layer.pieces(b"GDO2", 8, _PIECE)), ">u8").astype(np.int64)
            numbers = offsets[large] & ~HIGH_BIT
            if int(numbers.max()) >= len(beyond):
                raise CommitGraphError(f"{layer.name} lacks dates")
            offsets[large] = beyond[numbers]
        dates[at : at + len(offsets)] += offsets
        at += len(offsets)


def _octopuses(layer: Layer, positions: Array, begins: Array) -> dict[int, list[int]]:
    """The second and later parents: in EDGE from an entry to the one whose high bit is set."""
    extra = np.frombuffer(b"".join(layer.pieces(b"EDGE", 4, _PIECE)), ">u4").tolist()
    found = {}
    for position, begin in zip(positions.tolist(), begins.tolist(), strict=True):
        at, parents = begin & ~HIGH_BIT, []
        while True:
            if at >= len(extra):
                raise CommitGraphError(f"{layer.name} lacks parents")
            parents.append(extra[at] & ~HIGH_BIT)
            if extra[at] & HIGH_BIT:
                break
            at += 1
        found[position] = parents
    return found


def corrected(times: Array, first: Array, edges: Array) -> Array:
    """Corrected commit dates: the committer's time, or one second more than the latest parent's where that is later.

    The same numbers as git's generation number v2, where a clock that ran wrong cannot put a child below its parent.
    Raises CommitGraphError for what is no history: a damaged file can hold a circle.
    """
    dates = np.maximum(times, 1)
    here = edges != ABSENT
    parents = edges[here].astype(np.int64)
    children = np.repeat(np.arange(len(times)), np.diff(first))[here]
    if not np.any(dates[parents] >= dates[children]):
        return dates
    return _corrected_upwards(times.data, first.data, edges.data)


def _corrected_upwards(times: memoryview, first: memoryview, edges: memoryview) -> Array:
    dates = memoryview(bytearray(8 * len(times))).cast("q")  # 0: not known yet; a corrected date is at least 1
    deepest = len(edges) + 1
    for start in range(len(times)):
        stack = [start]
        while stack:
            number = stack[-1]
            if dates[number]:
                stack.pop()
                continue
            date = max(times[number], 1)
            ready = True
            for parent in edges[first[number] : first[number + 1]]:
                if parent == ABSENT:
                    continue
                if not dates[parent]:
                    stack.append(parent)
                    ready = False
                elif dates[parent] >= date:
                    date = dates[parent] + 1
            if len(stack) > deepest:
                raise CommitGraphError("a commit is its own ancestor")
            if ready:
                dates[number] = date
                stack.pop()
    return np.array(dates, np.int64)


def oldest_first(history: History) -> Array:
    """The positions by corrected date, among those of the same date by oid descending: as rows are from the bottom up."""
    count, dates = history.count, history.dates
    bits = count.bit_length()
    lowest = int(dates.min()) if count else 0
    if count and int(dates.max() - lowest).bit_length() + bits > 63:
        order = np.lexsort((-np.arange(count), dates)).astype(np.uint32)
    else:
        # One number for each commit sorts in half of the time.
        keys = (dates - lowest) << bits
        keys |= np.arange(count - 1, -1, -1)
        keys.sort()
        order = (count - 1 - (keys & ((1 << bits) - 1))).astype(np.uint32)
    if len(history.graph.layers) > 1:
        _sort_ties(history, order)
    return order


def _sort_ties(history: History, order: Array) -> None:
    """Positions go by oid inside a layer only."""
    dates = history.dates[order]
    same = np.flatnonzero(dates[1:] == dates[:-1])
    if not same.size:
        return
    begins = same[np.flatnonzero(np.diff(same, prepend=-2) > 1)]
    ends = same[np.flatnonzero(np.diff(same, append=len(dates) + 2) > 1)] + 2
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        tied = order[begin:end].tolist()
        order[begin:end] = sorted(tied, key=history.graph.oid, reverse=True)


def reached(first: Array, edges: Array, tips: Iterable[int]) -> Array:
    """Which commits `tips` reach, as a mask. Commits are numbered in any way; `first` and `edges` list their parents."""
    count = len(first) - 1
    children = np.bincount(edges[edges != ABSENT], minlength=count)
    kept = np.ones(count, bool)
    held = np.zeros(count, bool)
    held[np.fromiter(tips, np.int64)] = True
    childless = np.flatnonzero((children == 0) & ~held).tolist()
    if not childless:
        return kept
    # What is not reached is nearly always little; it is taken away from its ends.
    if len(childless) > count // 4:
        return _reached_downwards(first, edges, held)
    left = children.astype(np.int32).data
    starts, ends = first.data, edges.data
    gone = []
    while childless:
        number = childless.pop()
        gone.append(number)
        for parent in ends[starts[number] : starts[number + 1]]:
            if parent != ABSENT:
                left[parent] -= 1
                if not left[parent] and not held[parent]:
                    childless.append(parent)
    kept[gone] = False
    return kept


def _reached_downwards(first: Array, edges: Array, held: Array) -> Array:
    wanted = bytearray(held.astype(np.uint8).tobytes())
    starts, ends = first.data, edges.data
    waiting = np.flatnonzero(held).tolist()
    while waiting:
        number = waiting.pop()
        for parent in ends[starts[number] : starts[number + 1]]:
            if parent != ABSENT and not wanted[parent]:
                wanted[parent] = 1
                waiting.append(parent)
    return np.frombuffer(wanted, np.uint8).astype(bool)


def taken(first: Array, edges: Array, order: Array) -> tuple[Array, Array]:
    """(`first`, `edges`) with the commits in the order `order`, which lists their numbers; parents that are not in it are ABSENT."""
    place = np.full(len(first), ABSENT, np.uint32)  # one more, for ABSENT itself
    place[order] = np.arange(len(order), dtype=np.uint32)
    new_first = np.zeros(len(order) + 1, np.uint32)
    np.cumsum(np.diff(first)[order], out=new_first[1:])
    found = np.empty(int(new_first[-1]), np.uint32)
    for low in range(0, len(order), _PIECE):
        some = order[low : low + _PIECE]
        begins = new_first[low : low + len(some) + 1]
        at = np.repeat(first[some].astype(np.int64) - begins[:-1], np.diff(begins))
        at += np.arange(int(begins[0]), int(begins[-1]))
        found[begins[0] : begins[-1]] = place[np.minimum(edges[at], len(first) - 1)]
    return new_first, found
