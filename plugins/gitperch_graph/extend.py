"""Bringing an index up to date after a push, without building it anew.

What is new is nearly always put on top: everything below keeps its row from the bottom, its lane and its edges. An amended commit,
one that was made before others arrived, a branch that was rewound or deleted, change the places of the newest rows alone,
those of the index's top; whoever stays there keeps its lane. Where more than that changes the answer is None, and the index
is built from nothing.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitperch_graph import commits
from gitperch_graph.lanes import ABSENT, Lanes
from gitperch_graph.refs import Ref
from gitperch_graph.repository import DETACHED, STASHES
from gitperch_graph.row_index import generation_of
from gitperch_graph.sections import as_bytes
from gitperch_graph.stashes import drawn_alone, held_by_stashes
from gitperch_graph.top import Row, Top

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from gitperch_graph.objects import Read
    from gitperch_graph.row_index import RowIndex

LIMIT = 2000
"""More new commits than these are laid out faster and better from nothing."""

MOST_ROWS = 8000  # of the top
MOST_REFS = 10_000  # that have moved since the index was built
SPREAD = 16
_TAG_DEPTH = 10
_STEPS = 2_000_000


class _CannotExtendError(Exception):
    """Build from nothing."""


@dataclass(frozen=True)
class _New:
    """A commit that the index does not have yet."""

    oid: str
    parents: tuple[str, ...]
    date: int


def extended(index: RowIndex, head: str, moves: Mapping[str, str | None], read: Read) -> RowIndex | None:
    """The index for refs that have moved (full name → oid, or None for one that is gone), `head` being the default branch now;
    None: build it anew."""
    if index.special or DETACHED in (head, index.head) or len(index.refs.moved) + len(moves) > MOST_REFS:
        return None
    try:
        return _Extension(index, head, moves, read).done()
    except (_CannotExtendError, KeyError):
        return None


class _Extension:
    def __init__(self, index: RowIndex, head: str, moves: Mapping[str, str | None], read: Read) -> None:
        self.index = index
        self.head = head
        self.moves = moves
        self.read = read
        self._found: dict[str, int | None] = {}

    def done(self) -> RowIndex:
        """Raises _CannotExtendError."""
        peeled = {name: self._peeled(target) for name, target in self.moves.items() if target}
        stashes = held_by_stashes(peeled)
        fresh = self._fresh([oid for oid in peeled.values() if isinstance(oid, str)], stashes)
        if len(self.index.top) + len(fresh) > MOST_ROWS or len(fresh) * self.index.lanes > _STEPS:
            raise _CannotExtendError
        gone = self._gone({at for at in peeled.values() if isinstance(at, int)}, fresh)
        self._require_others_to_stay(stashes, gone)
        chain = self._chain(peeled, {new.oid: new for new in fresh}, gone)
        cut = self._cut(fresh, gone, chain)
        top, height = _Relaid(self, fresh, gone, chain, cut).done()
        refs = self._moved_refs(cut, height)
        for name, target in self.moves.items():
            at = peeled.get(name)
            refs[name] = Ref(name, target, height(at) if at != -1 else -1) if target and at is not None else None
        built = self.index.built or len(top.lane_top)
        if len(top.lane_top) > 2 * built + SPREAD:
            raise _CannotExtendError  # gaps that nothing fills: laid out anew it takes less room
        moved = [f"{name}\0{ref.target if ref else ''}" for name, ref in sorted(refs.items())]
        return replace(
            self.index,
            top=top,
            refs=self.index.refs.with_moves(refs),
            head=self.head,
            built=built,
            generation=generation_of(self.index.generation, self.head, *moved, bytes(as_bytes(top.node_lane))),
        )

    def height(self, oid: str) -> int | None:
        """Of a commit that the index has."""
        if oid not in self._found:
            self._found[oid] = self.index.height(oid)
        return self._found[oid]

    def _peeled(self, target: str) -> int | str:
        """What a ref peels to: a height that is known, the oid of a new commit, or -1 where it is no commit."""
        oid = target
        for _ in range(_TAG_DEPTH):
            height = self.height(oid)
            if height is not None:
                return height
            kind, data = self.read(oid)
            if kind != "tag":
                return oid if kind == "commit" else -1
            oid = data.partition(b"\n")[0].removeprefix(b"object ").decode("ascii", "replace")
        return -1

    def _fresh(self, tips: Sequence[str], stashes: AbstractSet[int | str]) -> list[_New]:
        """The commits that are not in the index yet, in the order of their rows, the lowest first."""
        raw: dict[str, commits.Commit] = {}
        waiting = list(tips)
        while waiting:
            oid = waiting.pop()
            if oid in raw:
                continue
            kind, data = self.read(oid)
            if kind != "commit" or len(raw) >= LIMIT:
                raise _CannotExtendError
            raw[oid] = commits.parsed(data)
            waiting += [parent for parent in raw[oid].parents if self.height(parent) is None]
        dates: dict[str, int] = {}
        waiting = list(raw)
        while waiting:
            oid = waiting[-1]
            missing = [parent for parent in raw[oid].parents if parent in raw and parent not in dates]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            dates[oid] = max([raw[oid].time, 1, *(self._date(parent, dates) + 1 for parent in raw[oid].parents)])
        drawn = self._drawn(raw, tips, stashes)
        # Rows are by date descending, then by oid ascending: from the bottom it is the other way round.
        order = sorted(sorted(drawn, reverse=True), key=dates.__getitem__)
        return [_New(oid, tuple(drawn[oid]), dates[oid]) for oid in order]

    def _drawn(
        self, raw: Mapping[str, commits.Commit], tips: Sequence[str], stashes: AbstractSet[int | str]
    ) -> Mapping[str, Sequence[str]]:
        """The parents that new commits have in the graph."""
        parents = {oid: commit.parents for oid, commit in raw.items()}
        here = [oid for oid in stashes if isinstance(oid, str)]
        known = {above: self._parents_of(above) for oid in here for above in parents[oid] if above not in parents}
        drawn = drawn_alone(parents | known, here, tips)
        return {oid: drawn[oid] for oid in parents if oid in drawn}

    def _parents_of(self, oid: str) -> tuple[str, ...]:
        return commits.parsed(self.read(oid)[1]).parents

    def _date(self, oid: str, dates: Mapping[str, int]) -> int:
        return dates[oid] if oid in dates else self.index.date(self.known(oid))

    def known(self, oid: str) -> int:
        """As `height`. Raises KeyError where there is none."""
        height = self.height(oid)
        if height is None:
            raise KeyError(oid)
        return height

    def _gone(self, held: set[int], fresh: Iterable[_New]) -> set[int]:
        """The heights that nothing reaches any more."""
        index = self.index
        held = held | {height for new in fresh for parent in new.parents if (height := self.height(parent)) is not None}
        before = [ref.height for name in self.moves if (ref := index.refs.get(name)) and ref.height >= 0]
        waiting = [height for height in before if height not in held]
        children: Counter[int] = Counter(index.top.edge_to if waiting else ())
        gone: set[int] = set()
        while waiting:
            height = waiting.pop()
            if height in gone or height in held or children[height] or self._stays(height):
                continue
            if height < index.floor:
                raise _CannotExtendError
            gone.add(height)
            for parent in index.top.row(height).parents:
                if parent != ABSENT:
                    children[parent] -= 1
                    waiting.append(parent)
        return gone

    def _require_others_to_stay(self, stashes: AbstractSet[int | str], gone: set[int]) -> None:
        """A commit that is there and becomes a stash, or is none any more, has other parents then."""
        refs = self.index.refs
        before = {ref.height for name in self.moves if name.startswith(STASHES) and (ref := refs.get(name))}
        for height in (before - gone) ^ {at for at in stashes if isinstance(at, int)}:
            others = (name for name in refs.at(height) if name not in self.moves)
            if height >= 0 and not any(name.startswith(STASHES) for name in others):
                raise _CannotExtendError

    def _stays(self, height: int) -> bool:
        """Whether a ref that has not moved is at the commit, or a child that cannot go."""
        names = self.index.refs.between(height, height + 1).get(height, [])
        below = height < self.index.floor and self.index.base
        return any(name not in self.moves for name in names) or bool(below and below.has_child(height))

    def _chain(self, peeled: Mapping[str, int | str], fresh: Mapping[str, _New], gone: set[int]) -> _Chain:
        """What joins the default branch's first-parent chain, and what leaves it."""
        index = self.index
        at: int | str | None = peeled.get(self.head) if self.head in self.moves else index.refs.height(self.head)
        pinned = at is not None and at != -1
        if index.total and pinned != index.pinned:
            raise _CannotExtendError  # lane 0 is for others
        joining: set[int | str] = set()
        while pinned and at is not None:
            if isinstance(at, str):
                joining.add(at)
                above = fresh[at].parents
                at = (self.height(above[0]) if above[0] not in fresh else above[0]) if above else None
                continue
            if index.lane(at) == 0:
                break
            if at < index.floor:
                raise _CannotExtendError
            joining.add(at)
            parents = index.top.row(at).parents
            at = parents[0] if parents and parents[0] != ABSENT else None
        junction = at if isinstance(at, int) and pinned else -1
        if index.base and pinned and junction < index.base.lane_top[0]:
            raise _CannotExtendError  # what leaves is too far down
        top = index.top
        leaving = {
            top.floor + n
            for n, lane in enumerate(top.node_lane)
            if pinned and lane == 0 and top.floor + n > junction and top.floor + n not in gone
        }
        return _Chain(pinned, joining, leaving)

    def _cut(self, fresh: list[_New], gone: set[int], chain: _Chain) -> int:
        """The lowest height that changes."""
        index = self.index
        changed = [index.total, *gone, *chain.leaving, *(at for at in chain.joining if isinstance(at, int))]
        if fresh:
            lowest = fresh[0]
            oid = bytes.fromhex(lowest.oid)
            place = index.top.place_of(lowest.date, oid)
            if place == index.floor and index.base:
                below = index.floor - 1
                date = index.date(below)
                if lowest.date < date or (lowest.date == date and lowest.oid > index.oid(below)):
                    raise _CannotExtendError
            changed.append(place)
        return min(changed)

    def _moved_refs(self, cut: int, height: _Renumbered) -> dict[str, Ref | None]:
        """The refs whose commits have another height now."""
        moved: dict[str, Ref | None] = {}
        if height.changed:
            for names in self.index.refs.between(cut, self.index.total).values():
                for name in names:
                    ref = self.index.refs.get(name)
                    if ref and name not in self.moves:
                        moved[name] = replace(ref, height=height(ref.height))
        if len(moved) > MOST_REFS:
            raise _CannotExtendError
        return moved


@dataclass(frozen=True)
class _Chain:
    """`joining` are heights and oids of new commits, `leaving` heights."""

    pinned: bool
    joining: set[int | str]
    leaving: set[int]


class _Renumbered:
    """The new height of a commit by its old one, or by the oid of a new one."""

    def __init__(self, places: Mapping[int | str, int]) -> None:
        self._places = places
        self.changed = any(isinstance(before, int) and before != now for before, now in places.items())

    def __call__(self, at: int | str) -> int:
        return self._places.get(at, at) if isinstance(at, int) else self._places[at]


class _Relaid:
    """The rows from height `cut` up, in their new order."""

    def __init__(self, change: _Extension, fresh: list[_New], gone: set[int], chain: _Chain, cut: int) -> None:
        self._change = change
        self._index = change.index
        self._fresh = {new.oid: new for new in fresh}
        self._chain = chain
        self._cut = cut
        top = change.index.top
        entries: list[tuple[int, bytes, int | str]] = [(new.date, bytes.fromhex(new.oid), new.oid) for new in fresh]
        entries += [
            (top.dates[height - top.floor], top.oid(height), height)
            for height in range(cut, top.total)
            if height not in gone
        ]
        entries.sort(key=lambda entry: entry[1], reverse=True)
        entries.sort(key=lambda entry: entry[0])
        self._entries = entries
        self._height = _Renumbered({entry[2]: cut + n for n, entry in enumerate(entries)})

    def done(self) -> tuple[Top, _Renumbered]:
        top = self._index.top
        hash_size = len(self._entries[0][1]) if self._entries else top.hash_size
        lower = [top.row(height) for height in range(top.floor, self._cut)] if self._cut < top.total else None
        lanes = self._lanes(lower or ())
        rows = self._rows(lanes)
        if lower is not None:
            return Top.of(top.floor, hash_size, [*lower, *rows], lanes), self._height
        return _on_top(top, hash_size, rows, lanes), self._height

    def _kept(self, date: int, oid: bytes, at: int) -> Row | None:
        """A row that stays in its lane; None for one that leaves the default branch's chain."""
        if at in self._chain.leaving:
            return None
        row = self._index.top.row(at)
        parents = [self._height(parent) for parent in row.parents]
        if at in self._chain.joining:
            return Row(oid, date, 0, parents, [0, *row.edges[1:]] if parents else [])
        return Row(oid, date, row.lane, parents, row.edges)

    def _lanes(self, lower: Iterable[Row]) -> Lanes:
        """Which lanes are in use by all that stays."""
        top, base = self._index.top, self._index.base
        if self._cut == top.total:
            return Lanes(array("I", top.lane_top), array("I", top.lane_owner), self._chain.pinned)
        lanes = Lanes(
            array("I", base.lane_top if base else ()), array("I", base.lane_owner if base else ()), self._chain.pinned
        )
        if self._chain.pinned and not lanes.count:
            lanes.use(0, 0, ABSENT)
        for height, row in enumerate(lower, top.floor):
            lanes.use_row(height, row)
        for height, (date, oid, at) in enumerate(self._entries, self._cut):
            kept = self._kept(date, oid, at) if isinstance(at, int) else None
            if kept:
                lanes.use_row(height, kept)
        return lanes

    def _rows(self, lanes: Lanes) -> list[Row]:
        rows: list[Row] = []

        def lane_of(height: int) -> int:
            return rows[height - self._cut].lane if height >= self._cut else self._index.lane(height)

        for height, (date, oid, at) in enumerate(self._entries, self._cut):
            kept = self._kept(date, oid, at) if isinstance(at, int) else None
            if kept:
                rows.append(kept)
                continue
            parents = self._parents(at)
            lane, *edges = lanes.place(height, lane_of, parents, at in self._chain.joining)
            rows.append(Row(oid, date, lane, parents, edges))
        return rows

    def _parents(self, at: int | str) -> list[int]:
        if isinstance(at, int):
            return [self._height(parent) for parent in self._index.top.row(at).parents]
        change = self._change
        oids = self._fresh[at].parents
        return [self._height(oid if oid in self._fresh else change.known(oid)) for oid in oids]


def _on_top(top: Top, hash_size: int, rows: list[Row], lanes: Lanes) -> Top:
    """`top` with `rows` above all others."""
    added = Top.of(top.total, hash_size, rows, lanes)
    first = array("I", top.first)
    first.extend(len(top.edge_to) + end for end in added.first[1:])
    return Top(
        top.floor,
        hash_size,
        top.oids + added.oids,
        _joined("q", top.dates, added.dates),
        first,
        _joined("I", top.edge_to, added.edge_to),
        _joined("I", top.edge_lane, added.edge_lane),
        _joined("I", top.node_lane, added.node_lane),
        lanes.top,
        lanes.owner,
    )


def _joined(typecode: str, values: Sequence[int], more: Sequence[int]) -> array[int]:
    found: array[int] = array(typecode, values)
    found.extend(more)
    return found
