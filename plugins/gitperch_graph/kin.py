"""Whose child a commit is, and whose parent: the ends of its edges, however far away they are."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from gitperch_graph.lanes import ABSENT

if TYPE_CHECKING:
    from gitperch_graph.row_index import RowIndex

AT_MOST = 50
"""Children that are told; a commit that thousands of branches begin at has more than anybody reads."""


def parents(index: RowIndex, height: int) -> list[int]:
    """The heights of the parents that are here, in git's order."""
    return [to for to, _ in index.edges(height) if to != ABSENT]


def children(index: RowIndex, height: int) -> tuple[list[int], bool]:
    """The heights of the children, the oldest first, and whether there are more than `AT_MOST`."""
    found = list(islice(index.children(height), AT_MOST + 1))
    return found[:AT_MOST], len(found) > AT_MOST
