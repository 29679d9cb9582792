"""Which rows git means when it says many oids at once. In a helper process: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph.shape import NEWEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch_graph.commit_graph import CommitGraph, Layer
    from gitperch_graph.history import Array
    from gitperch_graph.shape import Shape

_PIECE = 1 << 16
_PREFIX = 8  # bytes of an oid that are compared at once


class Heights:
    def __init__(self, shape: Shape) -> None:
        self._newest: dict[bytes, int] = {}
        self._graph = shape.graph
        if top := shape.newest:
            newest = np.flatnonzero(shape.order >= NEWEST)
            for height, number in zip(newest.tolist(), (shape.order[newest] - NEWEST).tolist(), strict=True):
                self._newest[top.oid(number + top.floor)] = height
        if self._graph:
            self._place = np.full(self._graph.count, -1, np.int64)
            settled = np.flatnonzero(shape.order < NEWEST)
            self._place[shape.order[settled]] = settled

    def of(self, oids: Sequence[bytes]) -> Array:
        """The height of each commit, -1 for one that is not in the shape."""
        found = np.array([self._newest.get(oid, -1) for oid in oids], np.int64)
        if self._graph and len(oids):
            wanted = np.flatnonzero(found < 0)
            positions = _positions(self._graph, [oids[number] for number in wanted.tolist()])
            there = positions >= 0
            found[wanted[there]] = self._place[positions[there]]
        return found


def _positions(graph: CommitGraph, oids: Sequence[bytes]) -> Array:
    """Where each of these commits is in `graph`, -1 where it is not."""
    found = np.full(len(oids), -1, np.int64)
    if not oids:
        return found
    size = graph.hash_size
    wanted = _prefixes(b"".join(oids), size)
    base = 0
    for layer in graph.layers:
        if layer.count:
            all_oids = _oids(layer)
            prefixes = _prefixes(all_oids, size)
            at = np.minimum(np.searchsorted(prefixes, wanted), layer.count - 1)
            for number in np.flatnonzero(prefixes[at] == wanted).tolist():
                position = int(at[number])
                if all_oids[position * size : (position + 1) * size] == oids[number]:
                    found[number] = base + position
                elif (other := layer.find(oids[number])) is not None:  # another one that begins like it
                    found[number] = base + other
        base += layer.count
    return found


def _oids(layer: Layer) -> bytes:
    return b"".join(layer.pieces(b"OIDL", layer.hash_size, _PIECE))


def _prefixes(oids: bytes, size: int) -> Array:
    """The beginning of each oid as a number; they sort as the oids do."""
    return np.ndarray((len(oids) // size,), ">u8", oids, strides=(size,)).astype(np.uint64)
