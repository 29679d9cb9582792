"""The commits that a view shows, and their parents then. In a helper process: numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph import history as histories
from gitperch_graph.lanes import ABSENT
from gitperch_graph.repository import SHOWN, STASHES
from gitperch_graph.shape import NEWEST
from gitperch_graph.views.authors import written_by
from gitperch_graph.views.heights import Heights
from gitperch_graph.views.narrowing import Narrowed, narrowed, replaced, straight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gitperch_graph.history import Array
    from gitperch_graph.repository import Repository
    from gitperch_graph.shape import Shape
    from gitperch_graph.views.view import View


class RefNotThere(Exception):
    """No branch, tag or stash of this name names a commit."""


def chosen(shape: Shape, view: View, repository: Repository, texts: Path | None = None) -> Narrowed:
    """What is left of `shape`, a whole history, in this view; `texts` is the folder of what search has written down of it.

    Raises RefNotThere, HistoryUnreadable and TextsUnreadable.
    """
    real = shape.first, shape.to
    first, to = straight(*real) if view.first_parent else real
    tips = _tips(shape, view)
    if view.path:
        first, to, shown = _along(shape, view, repository, tips)
    elif view.refs or view.first_parent or not view.stashes:
        shown = histories.reached(first, to, tips)
    else:
        shown = np.ones(shape.total, bool)
    if not view.merges:
        shown &= np.diff(shape.first) <= 1
    if view.after is not None or view.before is not None:
        times = _times(shape, repository)
        if view.after is not None:
            shown &= times >= view.after
        if view.before is not None:
            shown &= times < view.before
    if view.author and shown.any():
        shown = written_by(view.author, shape, shown, repository, texts)
    return narrowed(first, to, shown, real if view.path else None)


def height_of(heights: dict[str, int], head: str, name: str) -> int:
    """Of the commit that a ref names, by its full or short name or `HEAD`. Raises RefNotThere."""
    for full in (head if name == "HEAD" else name, *(folder + name for folder in SHOWN)):
        if full in heights:
            return heights[full]
    raise RefNotThere(name)


def _tips(shape: Shape, view: View) -> list[int]:
    heights = {ref.name: ref.height for ref in shape.refs if ref.height >= 0}
    if view.refs:
        return [height_of(heights, shape.head, name) for name in view.refs]
    return sorted({at for name, at in heights.items() if view.stashes or not name.startswith(STASHES)})


def _times(shape: Shape, repository: Repository) -> Array:
    """Every commit's committer time: of the newest git is asked, whose commit-graph has the others'."""
    times = np.zeros(shape.total, np.int64)
    newest = shape.order >= NEWEST
    if shape.graph:
        times[~newest] = histories.times(shape.graph)[shape.order[~newest]]
    if newest.any():
        heights = np.flatnonzero(newest).tolist()
        stdin = "".join(f"{shape.oids(height, height + 1).hex()}\n" for height in heights).encode()
        lines = repository.lines("rev-list", "--no-walk=unsorted", "--timestamp", "--stdin", stdin=stdin)
        times[newest] = [int(line.partition(b" ")[0]) for line in lines]
    return times


def _along(shape: Shape, view: View, repository: Repository, tips: Sequence[int]) -> tuple[Array, Array, Array]:
    """The history of a path as git simplifies it."""
    how = ["--first-parent"] if view.first_parent else []
    lines = [
        line.split() for line in _walked(shape, repository, tips, ["--parents", *how], ["--", f":(literal){view.path}"])
    ]
    numbers: dict[bytes, int] = {}
    for line in lines:
        for oid in line:
            numbers.setdefault(oid, len(numbers))
    heights = Heights(shape).of([bytes.fromhex(oid.decode("ascii")) for oid in numbers]).tolist()
    there = {oid: heights[number] for oid, number in numbers.items()}
    # git may have found a stash by its index, which is a part of it here.
    there |= {oid: height for oid, height in _in_stashes(shape, repository).items() if there.get(oid) == -1}
    found: dict[int, dict[int, None]] = {}
    for height, *parents in ([there[oid] for oid in line] for line in lines):
        if height >= 0:
            below = (parent if parent >= 0 else ABSENT for parent in parents if parent != height)
            found.setdefault(height, {}).update(dict.fromkeys(below))
    return replaced(shape.total, ((height, list(parents)) for height, parents in found.items()))


def _in_stashes(shape: Shape, repository: Repository) -> dict[bytes, int]:
    """The commits that stashes are made of, with the heights of those."""
    heights = {ref.height for ref in shape.refs if ref.name.startswith(STASHES) and ref.height >= 0}
    stashes = {shape.oids(height, height + 1).hex().encode(): height for height in heights}
    if not stashes:
        return {}
    stdin = b"".join(oid + b"\n" for oid in stashes)
    lines = repository.lines("rev-list", "--no-walk=unsorted", "--parents", "--stdin", stdin=stdin)
    return {part: stashes[oid] for oid, *parents in map(bytes.split, lines) for part in parents[1:]}


def _walked(
    shape: Shape, repository: Repository, tips: Sequence[int], how: Sequence[str], paths: Sequence[str]
) -> Iterator[bytes]:
    """What `git rev-list` says of all that `tips` reach."""
    if not tips:
        return
    stdin = "".join(f"{shape.oids(tip, tip + 1).hex()}\n" for tip in tips).encode()
    yield from repository.lines("rev-list", *how, "--stdin", *paths, stdin=stdin)
