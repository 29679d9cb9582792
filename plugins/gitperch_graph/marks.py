"""Marks: at every so many heights the edges that are alive there, so that a window in the middle needs not begin at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph.lanes import ABSENT

if TYPE_CHECKING:
    from gitperch_graph.history import Array

_SHORTEST, _LONGEST = 256, 1 << 16
_BYTES_A_COMMIT = 1.0  # where there are many lanes, marks stand further apart
_ENTRY = 6


class Marks:
    """Mark m, at `first[m]` to `first[m + 1]`, lists the edges from height m × `stride` or above to below it, as (`lane`, `to`)."""

    def __init__(self, child: Array, to: Array, edge: Array, total: int) -> None:
        """The edges are given by their child, ascending."""
        # Few edges pass a mark at all.
        here = np.flatnonzero((to != ABSENT) & (child // _SHORTEST > to // _SHORTEST))
        child, to, edge = child[here], to[here], edge[here]
        # Of all edges to the same commit in the same lane the topmost has passed wherever the others do.
        keys = (to.astype(np.uint64) << np.uint64(32)) | edge
        last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
        self._child, self._to, self._edge = child[last], to[last], edge[last]
        self.stride = _SHORTEST
        while self.stride < _LONGEST and self._count() * _ENTRY > total * _BYTES_A_COMMIT:
            self.stride *= 2
        self._write(total // self.stride + 1)

    def _count(self) -> int:
        return int((self._child // self.stride - self._to // self.stride).sum())

    def _write(self, marks: int) -> None:
        lowest = self._to // self.stride + 1
        lengths = (self._child // self.stride + 1 - lowest).astype(np.int64)
        at = np.repeat(lowest.astype(np.int64) - (np.cumsum(lengths) - lengths), lengths) + np.arange(
            int(lengths.sum())
        )
        lane, to = np.repeat(self._edge, lengths), np.repeat(self._to, lengths)
        order = np.lexsort((lane, at))
        self.lane, self.to = lane[order], to[order]
        self.first = np.zeros(marks + 1, np.uint32)
        np.cumsum(np.bincount(at, minlength=marks), out=self.first[1:])
