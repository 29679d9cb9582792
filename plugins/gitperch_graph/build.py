"""Building the index of a repository from nothing, in a process of its own.

python -m gitperch_graph.build REPOSITORY INDEX

Says how far it has come on standard output: lines of a number from 0 to 1 and the number of commits.
"""

from __future__ import annotations

import hashlib
import os
import sys
from array import array
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from gitperch_graph import lanes, sections
from gitperch_graph.base import FAR, NARROW, PROOF_SIZE, PROVEN, bits
from gitperch_graph.extend import SPREAD
from gitperch_graph.lanes import ABSENT
from gitperch_graph.marks import Marks
from gitperch_graph.refs import RefTable
from gitperch_graph.repository import HistoryUnreadable
from gitperch_graph.row_index import MAGIC, VERSION, RowIndex, generation_of
from gitperch_graph.sections import IndexUnusable
from gitperch_graph.shape import Shape
from gitperch_graph.top import KEPT, Top

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitperch_graph.history import Array

NICENESS = 10
MOST_WISHES = (
    100_000  # of the newest rows; those below wish for the lanes that they had if nothing has changed further down
)
MOST_NEW = 20_000  # rows that are put on top of lanes that are kept; above more, all are laid out anew


def build(
    repository: Path,
    index_path: Path,
    environment: Mapping[str, str] | None = None,
    told: Callable[[float, int], None] | None = None,
) -> None:
    """Write the index of the bare repository at `repository` to `index_path`. Raises HistoryUnreadable.

    git runs in `environment`, or in this process's own. `told` hears how far it has come, 0 to 1, and how many commits there are.
    """
    said = told or _nobody
    kept = Kept.at(index_path, repository)  # before the files that it stands on are replaced
    shape = Shape.of_repository(repository, index_path.with_suffix(".graph"), environment, said)
    write(index_path, shape, lambda part: said(part, shape.total), keep=kept)


def write(
    index_path: Path,
    shape: Shape,
    told: Callable[[float], None] | None = None,
    *,
    keep: Kept | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Lay `shape` out and put its index in place at `index_path`, with lanes that are kept where that can be.

    `extra` are sections of the caller's own, found again by `RowIndex.extra`.
    """
    layout = keep.layout(shape) if keep else None
    if not layout:
        tips = [shape.tip] if shape.tip >= 0 else []
        way, on_chain, count = lanes.ways(
            shape.first,
            shape.to,
            tips,
            told and (lambda done: told(0.6 + 0.3 * done / max(1, shape.total))),
            keep.wishes(shape) if keep else None,
        )
        layout = Layout(shape, np.frombuffer(way, np.int32), np.frombuffer(on_chain, bool), count)
    layout.write(index_path, extra or {})


class Layout:
    """A shape with its lanes: `node` is each commit's, `edge` each edge's, `way` the one in which edges to a commit run.

    `generation` is that of an index from which it differs in nothing that is shown.
    """

    def __init__(self, shape: Shape, way: Array, on_chain: Array, count: int) -> None:
        self.shape = shape
        self.count = self.built = count
        self.kept = False
        self.generation = ""
        self.on_chain = on_chain
        self.node = np.where(self.on_chain, 0, way).astype(np.uint32)
        self.way = np.maximum(way, 0).astype(np.uint32)
        self.child = np.repeat(np.arange(shape.total, dtype=np.uint32), np.diff(shape.first))
        self.edge = self._derived()

    def _derived(self) -> Array:
        """The lane of each edge, by the rules that `base` has, too."""
        to, child = self.shape.to, self.child
        absent = to == ABSENT
        edge: Array = np.where(absent, self.node[child], self.way[np.where(absent, 0, to)] if len(self.way) else 0)
        first = self.shape.first[:-1][np.diff(self.shape.first) > 0]
        edge[first[self.on_chain[child[first]]]] = 0
        return edge.astype(np.uint32)

    def write(self, index_path: Path, extra: Mapping[str, Any]) -> None:
        shape = self.shape
        floor = min(shape.total - KEPT if shape.total > 2 * KEPT else 0, shape.settled)
        typecode = NARROW if self.count <= bits(NARROW)[2] else "I"
        proof = _proof(shape, floor)
        parts, stride = self._base(floor, typecode)
        parts["proof"] = proof
        top = self._top(floor)
        order = parts.pop("order")
        graph = shape.graph.lowest(int(order.max()) + 1) if floor and shape.graph else None
        meta: dict[str, Any] = {
            "floor": floor,
            "stride": stride,
            "way": typecode,
            "hash_size": shape.hash_size,
            "layers": list(graph.checksums) if graph else [],
            "own": graph is not None and not graph.layers[0].is_gits,
            "head": shape.head,
            "special": shape.special,
            "built": self.built,
        }
        table = RefTable.of(shape.refs, shape.hash_size)
        content = {**parts, **top.parts, **table.parts, **{f"extra_{name}": part for name, part in extra.items()}}
        sums = [crc32(sections.as_bytes(part)).to_bytes(4, "little") for part in content.values()]
        meta["generation"] = self.generation or generation_of(
            shape.head, str(shape.special), b"".join(sums), top.oids, parts["proof"]
        )
        sections.write(index_path, MAGIC, VERSION, meta, {"order": order} | content)
        # What stood on the index before is of no more use.
        index_path.with_suffix(".top").unlink(missing_ok=True)

    def _base(self, floor: int, typecode: str) -> tuple[dict[str, Any], int]:
        """The sections of the base, and the stride of its marks."""
        shape, kind = self.shape, np.dtype(typecode)
        edges = int(shape.first[floor])
        first, to, child = shape.first[: floor + 1], shape.to[:edges], self.child[:edges]
        has = np.flatnonzero(np.diff(first))
        first_of = first[:-1][has]
        distance = np.zeros(floor, np.uint32)
        distance[has] = has.astype(np.uint32) - to[first_of]
        far = (distance[has] >= FAR) | (to[first_of] == ABSENT)
        distance[has[far]] = FAR
        near = np.zeros(edges, bool)
        near[first_of[~far]] = True
        on_chain, has_child, _ = bits(typecode)
        way = self.way[:floor].astype(kind)
        way[self.on_chain[:floor]] |= kind.type(on_chain)
        way[to[to != ABSENT]] |= kind.type(has_child)
        odd = np.zeros(0, np.int64)
        if self.kept:
            odd = np.flatnonzero(self.edge[:edges] != self._derived()[:edges])
        marks = Marks(child, to, self.edge[:edges], floor)
        top, owner = _last_uses(child, to, self.edge[:edges], self.node[:floor], self.count)
        return {
            "order": shape.order[:floor],
            "step": distance.astype(np.uint16),
            "way": way,
            "more_child": child[~near],
            "more_to": to[~near],
            "odd_child": child[odd],
            "odd_nth": (odd - first[child[odd]]).astype(np.uint32),
            "odd_lane": self.edge[odd],
            "mark_first": marks.first,
            "mark_lane": marks.lane.astype(kind),
            "mark_to": marks.to,
            "lane_top": top,
            "lane_owner": owner,
        }, marks.stride

    def _top(self, floor: int) -> Top:
        shape = self.shape
        edges = int(shape.first[floor])
        top, owner = _last_uses(self.child, shape.to, self.edge, self.node, self.count)
        return Top(
            floor,
            shape.hash_size,
            shape.oids(floor, shape.total),
            _array("q", shape.dates(floor, shape.total)),
            _array("I", shape.first[floor:] - edges),
            _array("I", shape.to[edges:]),
            _array("I", self.edge[edges:]),
            _array("I", self.node[floor:]),
            _array("I", top),
            _array("I", owner),
        )


@dataclass(frozen=True)
class Kept:
    """The lanes of an older index: commits that are where they were keep them."""

    floor: int
    proof: bytes
    way: Array
    on_chain: Array
    odd: tuple[Array, Array, Array]
    index: RowIndex

    @classmethod
    def at(cls, index_path: Path, repository: Path) -> Kept | None:
        """Of the index at `index_path`, whether or not its commit-graph is still there; None where there is none."""
        index = _opened(index_path, repository) or _opened(index_path, None)
        if not index:
            return None
        base = index.base
        if not base:
            nothing = np.zeros(0, np.uint32)
            return cls(0, b"", nothing, nothing, (nothing,) * 3, index)
        on_chain, _, mask = bits(base.typecode)
        way = np.array(base.way, np.int64)
        odd = tuple(np.array(part, np.uint32) for part in (base.odd_child, base.odd_nth, base.odd_lane))
        return cls(
            base.count,
            bytes(base.proof),
            way & mask,
            (way & on_chain) != 0,
            (odd[0], odd[1], odd[2]),
            index,
        )

    def wishes(self, shape: Shape) -> array[int] | None:
        """The way that each commit had, -1 for one of which that is not known: one that is new wishes for its first parent's."""
        index, size = self.index, shape.hash_size
        if index.special or index.lanes > 1.5 * index.built:
            return None  # there are gaps that nothing fills
        found = np.full(shape.total, -1, np.int32)
        same = _same(_proof(shape, min(self.floor, shape.settled)), self.proof)
        found[:same] = self.way[:same]
        low = max(same, index.total - MOST_WISHES, 0 if index.knows_oids else index.floor)
        ways = [*self.way[low : index.floor].tolist(), *index.top.node_lane[max(0, low - index.floor) :]]
        had = dict(zip(index.oids(low, index.total), ways, strict=True))
        wishes = array("i", found.tobytes())
        low = max(same, shape.total - MOST_WISHES)
        oids, first = shape.oids(low, shape.total).hex(), shape.first[low:].tolist()
        for n, height in enumerate(range(low, shape.total)):
            lane = had.get(oids[n * 2 * size : (n + 1) * 2 * size], -1)
            if lane < 0 and first[n + 1] > first[n] and (parent := int(shape.to[first[n]])) != ABSENT:
                lane = wishes[parent]
            wishes[height] = lane
        return wishes

    def layout(self, shape: Shape) -> Layout | None:
        """`shape` in these lanes, with what is new on top; None where it has not only grown at its end."""
        total, top = self.index.total, self.index.top
        if self.index.special or shape.special or not top.lane_top or not 0 < total <= shape.total <= total + MOST_NEW:
            return None
        if shape.settled < self.floor or _proof(shape, self.floor) != self.proof:
            return None
        if shape.oids(self.floor, total) != top.oids:
            return None
        on_chain = _chain(shape)
        node = np.array(top.node_lane, np.int64)
        if not np.array_equal(on_chain[: self.floor], self.on_chain) or not np.array_equal(
            on_chain[self.floor : total], (node == 0) & (shape.tip >= 0)
        ):
            return None
        return self._grown(shape, node, on_chain)

    def _grown(self, shape: Shape, node: Array, on_chain: Array) -> Layout | None:
        total, top = self.index.total, self.index.top
        edges = [int(shape.first[height]) for height in (self.floor, total)]
        edge = np.zeros(len(shape.to), np.int64)
        edge[edges[0] : edges[1]] = top.edge_lane
        all_nodes = np.concatenate(
            [np.where(self.on_chain, 0, self.way), node, np.zeros(shape.total - total, np.int64)]
        )
        uses = lanes.Lanes(array("I", top.lane_top), array("I", top.lane_owner), shape.tip >= 0)
        first, to = np.ascontiguousarray(shape.first).data, np.ascontiguousarray(shape.to).data
        for height in range(total, shape.total):
            start, end = first[height], first[height + 1]
            lane, *found = uses.place(height, all_nodes.__getitem__, to[start:end].tolist(), bool(on_chain[height]))
            all_nodes[height], edge[start:end] = lane, found
        # A commit of the default branch may have its way anywhere; that of some edge to it will do.
        way = all_nodes.copy()
        way[: self.floor] = self.way
        child = np.repeat(np.arange(shape.total), np.diff(shape.first))
        at = np.flatnonzero((shape.to != ABSENT) & (shape.to >= self.floor))
        at = at[on_chain[shape.to[at]] & (edge[at] != 0) & (child[at] >= self.floor)]
        way[shape.to[at]] = edge[at]
        if uses.count > 2 * self.index.built + SPREAD:
            return None
        layout = Layout(shape, way, on_chain, uses.count)
        layout.kept = True
        layout.built = self.index.built or uses.count
        below = self.odd[0]
        layout.edge[shape.first[below] + self.odd[1]] = self.odd[2]
        layout.edge[edges[0] :] = edge[edges[0] :]
        if shape.total == total and shape.head == self.index.head and set(shape.refs) == set(self.index.refs):
            layout.generation = self.index.generation
        return layout


def _last_uses(child: Array, to: Array, edge: Array, node: Array, count: int) -> tuple[Array, Array]:
    """For each lane the greatest height at which it is in use, and the height where the edge in use there ends."""
    # Where a lane is named more than once the last one stays, and heights ascend.
    top, owner = np.zeros(count, np.int64), np.full(count, ABSENT, np.int64)
    top[node] = np.arange(len(node), dtype=np.uint32)
    long = np.flatnonzero((to != ABSENT) & (child - to > 1))
    passes, ends = np.full(count, -1, np.int64), np.full(count, ABSENT, np.int64)
    lane = edge[long]
    passes[lane], ends[lane] = child[long], to[long]
    later = passes - 1 > top
    top[later], owner[later] = passes[later] - 1, ends[later]
    return top.astype(np.uint32), owner.astype(np.uint32)


def _opened(path: Path, repository: Path | None) -> RowIndex | None:
    try:
        return RowIndex.open(path, repository)
    except IndexUnusable:
        return None


def _same(proof: bytes, other: bytes) -> int:
    """How many of the lowest heights have the same commits, as two proofs know it."""
    pieces = range(0, min(len(proof), len(other)), PROOF_SIZE)
    same = sum(1 for _ in takewhile(lambda at: proof[at : at + PROOF_SIZE] == other[at : at + PROOF_SIZE], pieces))
    return max(0, same - 1) * PROVEN  # the last may be about fewer


def _chain(shape: Shape) -> Array:
    """Which commits are on the default branch's first-parent chain."""
    first, to = np.ascontiguousarray(shape.first).data, np.ascontiguousarray(shape.to).data
    on_chain, height = np.zeros(shape.total, bool), shape.tip
    while height >= 0:
        on_chain[height] = True
        start = first[height]
        height = to[start] if first[height + 1] > start and to[start] != ABSENT else -1
    return on_chain


def _proof(shape: Shape, floor: int) -> bytes:
    """A digest of the oids below each PROVEN heights, and below `floor`."""
    found, digest = bytearray(), bytes(PROOF_SIZE)
    if not floor or not shape.graph:
        return b""
    graph, kind = shape.graph, f"V{shape.hash_size}"
    layers = [np.empty(layer.count, kind) for layer in graph.layers]
    for layer, oids in zip(graph.layers, layers, strict=True):
        at = 0
        for piece in layer.pieces(b"OIDL", shape.hash_size, 1 << 16):
            some = np.frombuffer(piece, kind)
            oids[at : at + len(some)] = some
            at += len(some)
    for low in range(0, floor, PROVEN):
        order = shape.order[low : min(low + PROVEN, floor)]
        blob = np.empty(len(order), kind)
        for start, oids in zip(graph.starts, layers, strict=False):
            here = (order >= start) & (order < start + len(oids))
            blob[here] = oids[order[here] - start]
        digest = hashlib.sha256(digest + blob.tobytes()).digest()[:PROOF_SIZE]
        found += digest
    return bytes(found)


def _array(typecode: str, values: Array) -> array[int]:
    kind = {"q": np.int64, "I": np.uint32}[typecode]
    return array(typecode, np.ascontiguousarray(values, kind).tobytes())


def _nobody(part: float, commits: int) -> None:
    pass


def main() -> int:
    repository, index_path = map(Path, sys.argv[1:])
    os.nice(NICENESS)

    def tell(part: float, commits: int) -> None:
        sys.stdout.write(f"{part:.2f} {commits}\n")
        sys.stdout.flush()

    try:
        build(repository, index_path, told=tell)
    except HistoryUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
