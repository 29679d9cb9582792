"""Bringing an index up to date after a push, by putting the new commits on top of it.

Everything that lies below keeps its row from the bottom, its lane and its edges. Where that cannot be (commits gone, a default
branch that was rewound, new commits older than what is there) the answer is None, and the index is built from nothing.
"""

from __future__ import annotations

import bisect
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from gitperch_graph import commits, lanes, row_index
from gitperch_graph.lanes import Lanes
from gitperch_graph.repository import DETACHED
from gitperch_graph.row_index import STRIDE, Ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitperch_graph.row_index import Columns, RowIndex

LIMIT = 2000
"""More new commits than these are laid out faster and better from nothing."""

_SPREAD = 16
_TAG_DEPTH = 10


class Read(Protocol):
    def __call__(self, oid: str, /) -> tuple[str, bytes]:
        """(type, content) of an object. Raises KeyError where there is none."""


class _CannotExtendError(Exception):
    """Build from nothing."""


@dataclass(frozen=True)
class _New:
    oid: str
    parents: tuple[str, ...]
    date: int


def extended(index: RowIndex, head: str, targets: Mapping[str, str], read: Read) -> Columns | None:
    """The index for refs that now have `targets` (full name → oid), `head` being the default branch; None: build it anew."""
    columns = index.columns
    if columns.special or head != columns.head or head == DETACHED or not index.total:
        return None
    try:
        heights = _Heights(index)
        peeled = _peeled(columns, targets, heights, read)
        fresh = _fresh(index, heights, [oid for oid in peeled.values() if isinstance(oid, str)], read)
        for new in fresh:
            heights.add(new.oid)
        refs = tuple(
            Ref(name, target, at if isinstance(at := peeled[name], int) else heights[at])
            for name, target in sorted(targets.items())
        )
        _check_nothing_is_lost(index, refs, fresh, heights)
        chain = _chain(columns, refs, fresh, heights)
        return _on_top(index, fresh, heights, chain, refs)
    except (_CannotExtendError, KeyError):
        return None


class _Heights:
    """The height of each commit by its oid in hex, old and new."""

    def __init__(self, index: RowIndex) -> None:
        self._index = index
        self._new: dict[str, int] = {}

    def add(self, oid: str) -> None:
        self._new[oid] = self._index.total + len(self._new)

    def get(self, oid: str) -> int | None:
        if oid in self._new:
            return self._new[oid]
        found = self._index.find(oid)
        return found[0] if found else None

    def __getitem__(self, oid: str) -> int:
        height = self.get(oid)
        if height is None:
            raise KeyError(oid)
        return height


def _peeled(columns: Columns, targets: Mapping[str, str], heights: _Heights, read: Read) -> dict[str, int | str]:
    """What each ref peels to: a height that is known, the oid of a new commit, or -1 where it is no commit."""
    known = {ref.target: ref.height for ref in columns.refs}
    found: dict[str, int | str] = {}
    for name, target in targets.items():
        if target in known:
            found[name] = known[target]
            continue
        oid = target
        for _ in range(_TAG_DEPTH):
            height = heights.get(oid)
            if height is not None:
                found[name] = height
                break
            kind, data = read(oid)
            if kind != "tag":
                found[name] = oid if kind == "commit" else -1
                break
            oid = data.partition(b"\n")[0].removeprefix(b"object ").decode("ascii", "replace")
        else:
            found[name] = -1
    return found


def _fresh(index: RowIndex, heights: _Heights, tips: Iterable[str], read: Read) -> list[_New]:
    """The commits that are not in the index yet, the oldest first, if all of them belong on top of it."""
    raw: dict[str, commits.Commit] = {}
    waiting = list(tips)
    while waiting:
        oid = waiting.pop()
        if oid in raw:
            continue
        kind, data = read(oid)
        if kind != "commit" or len(raw) >= LIMIT:
            raise _CannotExtendError
        raw[oid] = commits.parsed(data)
        waiting += [parent for parent in raw[oid].parents if heights.get(parent) is None]
    dates: dict[str, int] = {}
    waiting = list(raw)
    while waiting:
        oid = waiting[-1]
        missing = [parent for parent in raw[oid].parents if parent in raw and parent not in dates]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        below = [
            dates[parent] if parent in dates else index.columns.dates[heights[parent]] for parent in raw[oid].parents
        ]
        dates[oid] = max([raw[oid].time, 1, *(date + 1 for date in below)])
    # Rows are by date descending, then by oid ascending: from the bottom it is the other way round.
    order = sorted(sorted(raw, reverse=True), key=dates.__getitem__)
    if order:
        top = index.total - 1
        top_date, top_oid = index.columns.dates[top], index.oid(top)
        if dates[order[0]] < top_date or (dates[order[0]] == top_date and order[0] > top_oid):
            raise _CannotExtendError
    return [_New(oid, raw[oid].parents, dates[oid]) for oid in order]


def _check_nothing_is_lost(index: RowIndex, refs: Iterable[Ref], fresh: Iterable[_New], heights: _Heights) -> None:
    """Everything is still reached, if each commit that lost its last ref has a child."""
    held = {ref.height for ref in refs}
    held.update(heights[parent] for new in fresh for parent in new.parents)
    for height in {ref.height for ref in index.columns.refs if ref.height >= 0} - held:
        if not index.has_child(height):
            raise _CannotExtendError


def _chain(columns: Columns, refs: Iterable[Ref], fresh: Iterable[_New], heights: _Heights) -> set[int]:
    """The heights by which the default branch's first-parent chain has grown; it may only grow at its end."""
    before = next((ref.height for ref in columns.refs if ref.name == columns.head), None)
    now = next((ref.height for ref in refs if ref.name == columns.head), None)
    if before == now:
        return set()
    if before is None or now is None:
        raise _CannotExtendError
    by_oid = {heights[new.oid]: new for new in fresh}
    grown = set()
    while now != before:
        new = by_oid.get(now)
        if new is None or not new.parents:
            raise _CannotExtendError
        grown.add(now)
        now = heights[new.parents[0]]
    return grown


def _on_top(index: RowIndex, fresh: list[_New], heights: _Heights, chain: set[int], refs: tuple[Ref, ...]) -> Columns:
    old = index.columns
    if not fresh:
        return replace(old, refs=refs)
    layout = Lanes(*(_copied("I", part) for part in (old.node_lane, old.edge_lane, old.lane_top, old.lane_owner)))
    first, edge_to = _copied("I", old.first), _copied("I", old.edge_to)
    pinned = any(ref.name == old.head and ref.height >= 0 for ref in old.refs)
    for new in fresh:
        parents = [heights[parent] for parent in new.parents]
        lanes.place(layout, heights[new.oid], parents, heights[new.oid] in chain, pinned)
        edge_to.extend(parents)
        first.append(len(edge_to))
    if layout.count > 2 * old.built + _SPREAD:
        raise _CannotExtendError  # gaps that nothing fills: laid out anew it takes less room
    dates = _copied("q", old.dates)
    dates.extend(new.date for new in fresh)
    mark_first, mark_lane, mark_to = _marks(old, first, edge_to, layout)
    oids = bytes(row_index.as_bytes(old.oids)) + b"".join(bytes.fromhex(new.oid) for new in fresh)
    return replace(
        old,
        refs=refs,
        oids=oids,
        by_oid=_by_oid(old, oids, len(fresh)),
        dates=dates,
        first=first,
        edge_to=edge_to,
        edge_lane=layout.edge,
        node_lane=layout.node,
        lane_top=layout.top,
        lane_owner=layout.owner,
        mark_first=mark_first,
        mark_lane=mark_lane,
        mark_to=mark_to,
    )


def _by_oid(old: Columns, oids: bytes, added: int) -> array[int]:
    by_oid = _copied("I", old.by_oid)
    size, total = old.hash_size, len(old.node_lane)

    def oid(height: int) -> bytes:
        return oids[height * size : (height + 1) * size]

    for height in range(total, total + added):
        by_oid.insert(bisect.bisect_left(by_oid, oid(height), key=oid), height)
    return by_oid


def _marks(old: Columns, first: array[int], edge_to: array[int], layout: Lanes) -> tuple[Sequence[int], ...]:
    """The marks of before, with the new edges that pass them, and those that the new rows bring."""
    before, total = len(old.node_lane), len(first) - 1
    passing: dict[int, set[tuple[int, int]]] = {}
    for height in range(before, total):
        for i in range(first[height], first[height + 1]):
            for mark in range(edge_to[i] // STRIDE + 1, height // STRIDE + 1):
                passing.setdefault(mark, set()).add((layout.edge[i], edge_to[i]))
    there, count = len(old.mark_first) - 1, total // STRIDE + 1
    if not passing and there == count:
        return old.mark_first, old.mark_lane, old.mark_to
    found = []
    for mark in range(count):
        start, end = (old.mark_first[mark], old.mark_first[mark + 1]) if mark < there else (0, 0)
        alive = list(zip(old.mark_lane[start:end], old.mark_to[start:end], strict=True))
        found.append(sorted({*alive, *passing[mark]}) if mark in passing else alive)
    return row_index.packed_marks(found)


def _copied(typecode: str, section: Sequence[int]) -> array[int]:
    values: array[int] = array(typecode)
    values.frombytes(row_index.as_bytes(section))
    return values
