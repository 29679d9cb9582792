"""Whose child a commit is, and whose parent: the ends of its edges, however far away they are."""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import TYPE_CHECKING

from gitperch_graph.lanes import ABSENT
from gitperch_graph.row_index import as_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_graph.row_index import RowIndex

AT_MOST = 50
"""Children that are told; a commit that thousands of branches begin at has more than anybody reads."""

_WORD = struct.Struct("=I")
_PIECE = 64 << 10  # edges searched at once: a fraction of a millisecond, after which others have their turn


def parents(index: RowIndex, height: int) -> list[int]:
    """The heights of the parents that are here, in git's order."""
    return [to for to, _ in index.edges(height) if to != ABSENT]


def children(index: RowIndex, height: int) -> tuple[list[int], bool]:
    """The heights of the children, the oldest first, and whether there are more than `AT_MOST`."""
    first = index.columns.first
    found: list[int] = []
    for edge in _edges_to(index, height):
        child = bisect_right(first, edge) - 1
        if found and found[-1] == child:
            continue  # a parent that is named twice
        if len(found) == AT_MOST:
            return found, True
        found.append(child)
    return found, False


def _edges_to(index: RowIndex, height: int) -> Iterator[int]:
    """The numbers of the edges that end at `height`: all of them begin above it."""
    edges = as_bytes(index.columns.edge_to)
    wanted, size = _WORD.pack(height), _WORD.size
    for begin in range(index.columns.first[height + 1] * size, len(edges), _PIECE * size):
        piece = bytes(edges[begin : begin + _PIECE * size])
        at = piece.find(wanted)
        while at >= 0:
            if at % size == 0:
                yield (begin + at) // size
            at = piece.find(wanted, at + 1)
