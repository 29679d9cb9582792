"""The index of a small history, laid out in this process: it is all top, and needs no file of git's nor a process of its own."""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

from gitperch_graph import lanes
from gitperch_graph.lanes import ABSENT, Lanes
from gitperch_graph.refs import Ref, Refs, RefTable
from gitperch_graph.repository import HistoryUnreadable, Repository
from gitperch_graph.row_index import RowIndex, generation_of
from gitperch_graph.stashes import drawn_alone, held_by_stashes
from gitperch_graph.top import Row, Top

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gitperch_graph.repository import Tips

Commits = dict[bytes, tuple[int, list[bytes]]]

MOST = 3000
"""Commits; more are laid out in a process of their own."""

_MOST_REFS = 5000


def small(path: Path, environment: Mapping[str, str]) -> RowIndex | None:
    """The index of the bare repository at `path`; None where the history is not small. Raises HistoryUnreadable."""
    repository = Repository(path, environment)
    tips = repository.tips()
    if len(tips.targets) > _MOST_REFS:
        return None
    commits: Commits = {}
    for oid, time, parents in repository.commits(tips):
        if len(commits) == MOST:
            return None
        commits[oid] = (time, parents)
    return index_of(tips, commits)


def index_of(tips: Tips, commits: Commits, below: Sequence[bytes] = ()) -> RowIndex:
    """The index of `commits`: of each by its oid the committer's time and the parents. `below` are those that come under all of
    them, of which no more than that is known. Raises HistoryUnreadable."""
    dates = corrected(commits)
    stashes, tip_oids = held_by_stashes(tips.commits), map(bytes.fromhex, tips.commits.values())
    above_all = drawn_alone({oid: above for oid, (_, above) in commits.items()}, map(bytes.fromhex, stashes), tip_oids)
    order = [*below, *sorted(sorted(above_all, reverse=True), key=dates.__getitem__)]
    height = {oid: at for at, oid in enumerate(order)}
    refs = [
        Ref(name, target, height.get(bytes.fromhex(tips.commits[name]), -1)) for name, target in tips.targets.items()
    ]
    above = [[height.get(parent, ABSENT) for parent in above_all.get(oid, ())] for oid in order]
    head = next((ref.height for ref in refs if ref.name == tips.head), -1)
    rows, uses = _laid_out(order, dates, above, head)
    hash_size = len(order[0]) if order else 20
    top = Top.of(0, hash_size, rows, uses)
    table = RefTable.of(refs, hash_size)
    shown = [f"{ref.name}\0{ref.target}" for ref in refs]
    generation = generation_of(tips.head, str(tips.special), *shown, _digest(top))
    return RowIndex(None, top, Refs(table), tips.head, tips.special, uses.count, generation)


def corrected(commits: Commits) -> dict[bytes, int]:
    """Corrected commit dates: the committer's time, or one second more than the latest parent's where that is later."""
    dates: dict[bytes, int] = {}
    waiting = list(commits)
    while waiting:
        oid = waiting[-1]
        time, above = commits[oid]
        missing = [parent for parent in above if parent in commits and parent not in dates]
        if missing and oid not in dates:
            waiting += missing
            if len(waiting) > len(commits) * 100:
                raise HistoryUnreadable("a commit is its own ancestor")
            continue
        waiting.pop()
        dates[oid] = max([time, 1, *(dates[parent] + 1 for parent in above if parent in commits)])
    return dates


def _laid_out(
    order: list[bytes], dates: Mapping[bytes, int], parents: list[list[int]], head: int
) -> tuple[list[Row], Lanes]:
    first, to = array("I", [0]), array("I")
    for each in parents:
        to.extend(each)
        first.append(len(to))
    layout = lanes.laid_out(first, to, [head] if head >= 0 else [])
    uses = Lanes(array("I", bytes(4 * layout.count)), array("I", [ABSENT]) * layout.count, pinned=head >= 0)
    rows = []
    for height, oid in enumerate(order):
        edges = layout.edge[first[height] : first[height + 1]]
        rows.append(Row(oid, dates.get(oid, 0), layout.node[height], parents[height], edges))
        uses.use_row(height, rows[-1])
    return rows, uses


def _digest(top: Top) -> bytes:
    content = hashlib.sha256(top.oids)
    for column in (top.edge_to, top.edge_lane, top.node_lane):
        content.update(memoryview(column))  # type: ignore[arg-type]  # arrays
    return content.digest()
