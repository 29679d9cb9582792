"""What is laid out: commits in the order of their rows, their parents, and the refs. In numpy's arrays, for helper processes.

`Shape.of_repository` is the whole history; `narrowed` a smaller one, in which parents may be other ones than git's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gitperch_graph import history as histories
from gitperch_graph import own_graph
from gitperch_graph.base import FAR
from gitperch_graph.commit_graph import CommitGraph, CommitGraphError
from gitperch_graph.history import Array, History
from gitperch_graph.lanes import ABSENT
from gitperch_graph.refs import Ref
from gitperch_graph.repository import HistoryUnreadable, Repository
from gitperch_graph.stashes import held_by_stashes, is_stash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from gitperch_graph.base import Base
    from gitperch_graph.repository import Tips
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.top import Top

T = TypeVar("T")
NEWEST = 1 << 31


@dataclass(frozen=True)
class Shape:
    """Commits by height, 0 the oldest. `order` has the position of each in `graph`, or, with NEWEST set, its number in `newest`;
    `to[first[h]:first[h + 1]]` are the heights of its parents, ABSENT for one that is not here. `head` is the full name of the
    default branch ("HEAD" when detached, "" for none); `special`: parents are not those of the objects (shallow, grafts,
    replacements).
    """

    graph: CommitGraph | None
    order: Array
    first: Array
    to: Array
    refs: list[Ref]
    head: str
    special: bool
    newest: Top | None = None

    @classmethod
    def of_repository(
        cls,
        path: Path,
        own_path: Path,
        environment: Mapping[str, str] | None = None,
        told: Callable[[float, int], None] | None = None,
    ) -> Shape:
        """Everything that branches, tags and HEAD reach in the bare repository at `path`. Raises HistoryUnreadable.

        Where git's commit-graph file cannot tell it, one of our own is written to `own_path`. `told` hears how far it has come, 0 to 1,
        and how many commits there are.
        """
        repository = Repository(path, environment)
        tips = repository.tips()
        history, commits = _history(repository, tips, own_path)
        if told:
            told(0.4, history.count)
        order = histories.oldest_first(history)
        first, to = histories.taken(history.first, history.edges, order)
        place = np.empty(history.count, np.uint32)
        place[order] = np.arange(history.count, dtype=np.uint32)
        stashes = (place[commits[oid]] for oid in held_by_stashes(tips.commits) if oid in commits)
        first, to = _with_stashes_alone(first, to, map(int, stashes))
        kept = histories.reached(first, to, [int(place[position]) for position in commits.values()])
        refs = [Ref(name, target, -1) for name, target in tips.targets.items()]
        if told:
            told(0.6, int(kept.sum()))
        whole = cls(history.graph, order, first, to, refs, tips.head, tips.special)
        if not kept.all():
            heights = np.flatnonzero(kept).astype(np.uint32)
            whole = whole.narrowed(heights, *histories.taken(first, to, heights))
            place[order[heights]] = np.arange(len(heights), dtype=np.uint32)
        named = {oid: int(place[position]) for oid, position in commits.items()}
        return replace(
            whole, refs=[Ref(name, target, named.get(tips.commits[name], -1)) for name, target in tips.targets.items()]
        )

    @classmethod
    def of_index(cls, index: RowIndex) -> Shape:
        """What an index shows."""
        base, top = index.base, index.top
        order = np.arange(index.total, dtype=np.uint32) - np.uint32(index.floor)
        order |= NEWEST
        first, to = np.array(top.first, np.uint32), np.array(top.edge_to, np.uint32)
        if base:
            order[: index.floor] = np.array(base.order, np.uint32)
            below, to_below = _edges_of(base)
            first, to = np.concatenate([below[:-1], first + below[-1]]), np.concatenate([to_below, to])
        graph = base.graph if base else None
        return cls(graph, order, first, to, list(index.refs), index.head, index.special, top)

    @property
    def total(self) -> int:
        return len(self.order)

    @property
    def tip(self) -> int:
        """The height of the default branch's newest commit, -1 where it has none."""
        return next((ref.height for ref in self.refs if ref.name == self.head), -1)

    @property
    def hash_size(self) -> int:
        return self.newest.hash_size if self.newest else self.graph.hash_size if self.graph else 20

    @property
    def settled(self) -> int:
        """How many of the lowest heights all have positions in `graph`."""
        newest = np.flatnonzero(self.order & NEWEST)
        return int(newest[0]) if newest.size else self.total

    def oids(self, low: int, high: int) -> bytes:
        """Of heights `low` to `high` - 1, one after the other."""
        return b"".join(self._each(low, high, lambda graph, at: graph.oid(at), lambda top, at: top.oid(at + top.floor)))

    def all_oids(self) -> Array:
        """Of every height, as an array of bytes of a fixed length."""
        kind = f"V{self.hash_size}"
        found, newest = np.empty(self.total, kind), self.order >= NEWEST
        if self.graph:
            pieces = (data for layer in self.graph.layers for data in layer.pieces(b"OIDL", self.hash_size, 1 << 16))
            found[~newest] = np.frombuffer(b"".join(pieces), kind)[self.order[~newest]]
        if self.newest:
            found[newest] = np.frombuffer(self.newest.oids, kind)[self.order[newest] - np.uint32(NEWEST)]
        return found

    def dates(self, low: int, high: int) -> Array:
        """The corrected dates of heights `low` to `high` - 1."""
        found = self._each(low, high, lambda graph, at: graph.date(at), lambda top, at: top.dates[at])
        return np.fromiter(found, np.int64)

    def _each(
        self, low: int, high: int, below: Callable[[CommitGraph, int], T], above: Callable[[Top, int], T]
    ) -> Iterator[T]:
        for at in self.order[low:high].tolist():
            if at & NEWEST:
                assert self.newest  # noqa: S101 -- who else would have it
                yield above(self.newest, at & ~NEWEST)
            else:
                assert self.graph  # noqa: S101
                yield below(self.graph, at)

    def times(self) -> Array:
        """Every commit's committer time, in Unix seconds; of those in `newest` the corrected date."""
        found = np.zeros(self.total, np.int64)
        settled = self.order < NEWEST
        if self.graph:
            found[settled] = histories.times(self.graph)[self.order[settled]]
        if self.newest:
            found[~settled] = np.array(self.newest.dates, np.int64)[self.order[~settled] & ~NEWEST]
        return found

    def narrowed(self, kept: Array, first: Array, to: Array) -> Shape:
        """Only the heights `kept`, ascending, with their parents in `first` and `to` by their new heights."""
        place = np.full(self.total, -1, np.int64)
        place[kept] = np.arange(len(kept))
        refs = [replace(ref, height=int(place[ref.height]) if ref.height >= 0 else -1) for ref in self.refs]
        return replace(self, order=self.order[kept], first=first, to=to, refs=refs)


def _with_stashes_alone(first: Array, to: Array, stashes: Iterable[int]) -> tuple[Array, Array]:
    """The edges without those that belong to stashes: what nothing else reaches is reached by nobody then."""
    gone = np.zeros(len(to), bool)

    def parents_of(height: int) -> list[int] | None:
        found: list[int] | None = None if height == ABSENT else to[first[height] : first[height + 1]].tolist()
        return found

    for height in stashes:
        if is_stash(parents_of(height) or [], parents_of):
            gone[first[height] + 1 : first[height + 1]] = True
    if not gone.any():
        return first, to
    before = np.concatenate(([0], np.cumsum(gone)))
    return (first - before[first]).astype(np.uint32), to[~gone]


def _edges_of(base: Base) -> tuple[Array, Array]:
    """(`first`, `to`) of the rows in a base."""
    step, count = np.array(base.step, np.int64), base.count
    near = (step > 0) & (step < FAR)
    child, more = np.array(base.more_child, np.int64), np.array(base.more_to, np.uint32)
    first = np.zeros(count + 1, np.uint32)
    np.cumsum(near + np.bincount(child, minlength=count), out=first[1:])
    to = np.empty(int(first[-1]), np.uint32)
    is_first = np.zeros(len(to), bool)
    is_first[first[:-1][near]] = True
    to[is_first] = np.flatnonzero(near) - step[near]
    to[~is_first] = more
    return first, to


def _history(repository: Repository, tips: Tips, own_path: Path) -> tuple[History, dict[str, int]]:
    """The history, and the position in it of each oid in `tips.commits` that is a commit's."""
    if not tips.special:
        try:
            graph = CommitGraph.open(repository.path)
            commits = _found(repository, tips, graph) if graph else None
            if graph and commits is not None:
                if not graph.has_dates:
                    graph = own_graph.with_dates(graph, own_path)
                    commits = _found(repository, tips, graph) or {}
                return History.of(graph), commits
        except CommitGraphError:
            pass
    try:
        graph = own_graph.from_git(repository, tips, own_path)
        return History.of(graph), _found(repository, tips, graph) or {}
    except CommitGraphError as error:
        raise HistoryUnreadable(str(error)) from None


def _found(repository: Repository, tips: Tips, graph: CommitGraph) -> dict[str, int] | None:
    """None where the commit-graph does not reach all the way up."""
    wanted = set(tips.commits.values())
    found = {oid: at for oid in wanted if (at := graph.find(bytes.fromhex(oid))) is not None}
    return None if repository.commits_among(wanted.difference(found), tips) else found
