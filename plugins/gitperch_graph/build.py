"""Building the index of a repository from nothing, in this process or as one of its own.

python -m gitperch_graph.build REPOSITORY INDEX
"""

from __future__ import annotations

import os
import sys
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_graph import lanes, row_index
from gitperch_graph.history import MISSING, by_oid, first_parents, ordered
from gitperch_graph.repository import HistoryUnreadable, Repository
from gitperch_graph.row_index import Columns, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitperch_graph.history import History
    from gitperch_graph.repository import Tips

NICENESS = 10


def build(repository: Path, index_path: Path, environment: Mapping[str, str] | None = None) -> None:
    """Write the index of the bare repository at `repository` to `index_path`. Raises HistoryUnreadable.

    git runs in `environment`, or in this process's own.
    """
    repo = Repository(repository, environment)
    tips = repo.tips()
    history, numbers = repo.history(tips)
    row_index.write(index_path, columns(history, numbers, tips))


def columns(history: History, numbers: Mapping[str, int], tips: Tips) -> Columns:
    """The index of what `tips` reach in `history`. Raises HistoryUnreadable for what is no history."""
    sorted_numbers = by_oid(history)
    rows = ordered(history, numbers.values(), sorted_numbers)
    rows.reverse()
    height = array("q", [MISSING]) * history.count
    for at, number in enumerate(rows):
        height[number] = at
    first, edge_to = _edges(history, rows, height)
    head = numbers.get(tips.commits.get(tips.head, ""))
    chain = [height[number] for number in first_parents(history, head)] if head is not None else []
    layout = lanes.laid_out(first, edge_to, chain)
    mark_first, mark_lane, mark_to = row_index.marks(first, edge_to, layout.edge)
    refs = []
    for name, target in tips.targets.items():
        peeled = numbers.get(tips.commits[name])
        refs.append(Ref(name, target, MISSING if peeled is None else height[peeled]))
    return Columns(
        hash_size=history.hash_size,
        head=tips.head,
        special=tips.special,
        built=layout.count,
        refs=tuple(refs),
        oids=b"".join(map(history.oid, rows)),
        by_oid=array("I", (height[number] for number in sorted_numbers if height[number] != MISSING)),
        dates=array("q", [history.dates[number] for number in rows]),
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


def _edges(history: History, rows: array[int], height: array[int]) -> tuple[array[int], array[int]]:
    """The edges by height: (`first`, `edge_to`)."""
    first, edge_to = array("I", [0]), array("I")
    for at, number in enumerate(rows):
        for parent in history.parents(number):
            to = lanes.ABSENT if parent == MISSING else height[parent]
            if parent != MISSING and not 0 <= to < at:
                raise HistoryUnreadable("a commit is not below its child: the commit-graph file is damaged")
            edge_to.append(to)
        first.append(len(edge_to))
    return first, edge_to


def main() -> int:
    repository, index_path = map(Path, sys.argv[1:])
    os.nice(NICENESS)
    try:
        build(repository, index_path)
    except HistoryUnreadable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
