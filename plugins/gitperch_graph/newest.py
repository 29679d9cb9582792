"""The newest rows of a large history of which there is no index yet: what a short walk down from the refs finds.

They stand in the lanes that they will have in the index, too, since lanes are given from the top down; where clocks ran wrong
a commit may come to stand some rows from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch_graph.repository import Repository
from gitperch_graph.small import Commits, index_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex

ROWS = 200
_MORE = 56
"""Commits that are walked beyond those, since git does not know yet whose clock ran wrong."""


def newest(path: Path, environment: Mapping[str, str]) -> tuple[RowIndex, int]:
    """An index of the newest commits of the bare repository at `path`, and how many of its rows are to be shown; under these are
    others, only to say that edges go on. Raises HistoryUnreadable."""
    repository = Repository(path, environment)
    tips = repository.tips()
    commits: Commits = {oid: (time, above) for oid, time, above in repository.commits(tips, ROWS + _MORE)}
    below = [parent for _, above in commits.values() for parent in above if parent and parent not in commits]
    tip = bytes.fromhex(tips.commits.get(tips.head, ""))
    if tip and tip not in commits:
        below.append(tip)  # lane 0 is the default branch's, however far down that begins
    below = list(dict.fromkeys(below))[::-1]
    index = index_of(tips, commits, below)
    return index, min(ROWS, index.total - len(below))
