"""The newest commits of a history, or of what some refs reach, laid out by themselves: so few need no lanes of older branches."""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_graph import lanes
from gitperch_graph.commits import Commit, parsed
from gitperch_graph.lanes import ABSENT
from gitperch_graph.repository import SHOWN, STASHES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitperch_graph.objects import Read
    from gitperch_graph.row_index import RowIndex

_UNREADABLE = Commit((), "", "", 0, "")
_PIECE = 256  # rows whose refs are asked for at once


@dataclass(frozen=True)
class Drawn:
    """One commit. `parents` are rows of the picture, as many rows as it has for one further down, -1 for one that is not here."""

    oid: str
    lane: int
    parents: tuple[int, ...]
    edges: tuple[int, ...]
    refs: tuple[str, ...]
    commit: Commit


@dataclass(frozen=True)
class Picture:
    """Commits from the newest down. `more`: whether the history goes on below; `head` is the default branch's full name."""

    rows: tuple[Drawn, ...]
    lanes: int
    head: str
    more: bool


@dataclass(frozen=True)
class Choice:
    """The heights of the commits that a picture shows, the oldest first, and of the tip that goes straight down."""

    heights: tuple[int, ...]
    tip: int | None


def chosen(index: RowIndex, refs: Iterable[str], rows: int) -> Choice:
    """The newest `rows` commits of what `refs` (full or short names) reach; for none of everything but stashes.

    Raises KeyError with a ref that is not there.
    """
    tips = [_height(index, name) for name in refs]
    straight = tips[0] if tips else index.refs.height(index.head)
    if not tips and not any(index.refs.below(STASHES)):
        return Choice(tuple(range(max(0, index.total - rows), index.total)), straight)
    found: list[int] = []
    for height in _reached(index, tips) if tips else _without_stashes(index):
        found.append(height)
        if len(found) == rows:
            break
    return Choice(tuple(reversed(found)), straight)


def _reached(index: RowIndex, tips: Iterable[int]) -> Iterator[int]:
    """What `tips` reach, from the top down."""
    # Heights are in an order in which children come before their parents.
    waiting, last = [-height for height in set(tips)], -1
    heapq.heapify(waiting)
    while waiting:
        height = -heapq.heappop(waiting)
        if height != last:
            yield (last := height)
            for parent in _parents(index, height):
                heapq.heappush(waiting, -parent)


def _without_stashes(index: RowIndex) -> Iterator[int]:
    """What anything but a stash reaches, from the top down. There may be a hundred thousand refs: they are looked at on the way."""
    reached: set[int] = set()
    for high in range(index.total, 0, -_PIECE):
        refs = index.refs.between(max(0, high - _PIECE), high)
        for height in range(high - 1, max(0, high - _PIECE) - 1, -1):
            if height in reached or any(not name.startswith(STASHES) for name in refs.get(height, ())):
                yield height
                reached.update(_parents(index, height))


def _parents(index: RowIndex, height: int) -> list[int]:
    return [to for to, _ in index.edges(height) if to != ABSENT]


def _height(index: RowIndex, name: str) -> int:
    for full in (index.head if name == "HEAD" else name, *(folder + name for folder in SHOWN)):
        height = index.refs.height(full)
        if height is not None:
            return height
    raise KeyError(name)


def oids(index: RowIndex, choice: Choice) -> list[str]:
    """The commits that `drawn` is going to read."""
    return [index.oid(height) for height in choice.heights]


def drawn(index: RowIndex, choice: Choice, read: Read) -> Picture:
    """The picture of these commits."""
    heights, parents = choice.heights, {height: [to for to, _ in index.edges(height)] for height in choice.heights}
    below = sorted({to for tos in parents.values() for to in tos if to != ABSENT}.difference(heights))
    # What lies below is laid out, too, as commits without parents, so that edges to it keep their lanes to the end.
    at = {height: number for number, height in enumerate([*below, *heights])}
    first, edge_to = array("I", [0] * (len(below) + 1)), array("I")
    for height in heights:
        edge_to.extend(ABSENT if to == ABSENT else at[to] for to in parents[height])
        first.append(len(edge_to))
    layout = lanes.laid_out(first, edge_to, _straight_down(choice.tip, parents, at))
    count = len(heights)
    rows = []
    for height in reversed(heights):
        begin, end = first[at[height]], first[at[height] + 1]
        tos = parents[height]
        rows.append(
            Drawn(
                oid=index.oid(height),
                lane=layout.node[at[height]],
                parents=tuple(-1 if to == ABSENT else min(count, len(at) - 1 - at[to]) for to in tos),
                edges=tuple(layout.edge[begin:end]),
                refs=tuple(index.refs.at(height)),
                commit=_read(index.oid(height), read),
            )
        )
    used = max((lane for row in rows for lane in (row.lane, *row.edges)), default=-1) + 1
    return Picture(tuple(rows), used, index.head, bool(below))


def _straight_down(tip: int | None, parents: dict[int, list[int]], at: dict[int, int]) -> list[int]:
    chain = []
    while tip is not None and tip in at:
        chain.append(at[tip])
        above = parents.get(tip)
        tip = above[0] if above and above[0] != ABSENT else None
    return chain


def _read(oid: str, read: Read) -> Commit:
    try:
        return parsed(read(oid)[1])
    except KeyError:
        return _UNREADABLE
