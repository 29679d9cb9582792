"""A branch as it is seen: a run of first parents that stay in one lane, however long it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_graph.lanes import ABSENT

if TYPE_CHECKING:
    from gitperch_graph.row_index import RowIndex

SECONDS = 0.5
"""For the walk each way; nothing but a default branch, which has a lane to itself, takes as long."""
_NEAR = 2048  # rows in which most children are; further away they are looked for by their parent
_PIECE = 128


@dataclass(frozen=True)
class Run:
    """`low` and `high` are the heights of its oldest and its newest commit, `base` that of the commit that it began from."""

    lane: int
    low: int
    high: int
    base: int | None


def run(index: RowIndex, height: int) -> Run:
    """The run that the commit at `height` is in, or as much of it as there is time for. Milliseconds for most."""
    lane = index.lane(height)
    low, base = height, _first_parent(index, height)
    ends = time.monotonic() + SECONDS
    while base is not None and index.lane(base) == lane and time.monotonic() < ends:
        low, base = base, _first_parent(index, base)
    high = height
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and (child := _child(index, high, lane)) is not None:
        high = child
    return Run(lane, low, high, base)


def _first_parent(index: RowIndex, height: int) -> int | None:
    edges = index.edges(height)
    return edges[0][0] if edges and edges[0][0] != ABSENT else None


def _child(index: RowIndex, height: int, lane: int) -> int | None:
    """The commit in `lane` whose first parent is the one at `height`."""
    for low in range(height + 1, min(index.total, height + _NEAR), _PIECE):
        for above, row in enumerate(index.drawn(low, min(index.total, low + _PIECE)), low):
            if row.lane == lane:  # no other commit stands between two of a run
                return above if row.parents and row.parents[0] == height else None
    near = height + _NEAR
    return next(
        (
            child
            for child in index.children(height)
            if child >= near and index.lane(child) == lane and _first_parent(index, child) == height
        ),
        None,
    )
