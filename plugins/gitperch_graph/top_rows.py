"""The rows that a push has put on top, to be told with the news of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gitperch_graph import windows
from gitperch_graph.objects import libgit2_knows, reader
from gitperch_graph.windows import Place

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch.repositories import Repository
    from gitperch_graph.row_index import RowIndex

ROWS, BYTES = 20, 16 << 10
"""More than these nobody is told; whoever wants them asks."""

Rows = list[dict[str, Any]]


async def top_rows(git: Git, repo: Repository, index: RowIndex, added: int) -> Rows:
    """The `added` newest rows as a window has them; none where that is too much, or no text."""
    if not 0 < added <= ROWS or not libgit2_knows(repo.path):
        return []
    rows = await git.read(repo.path, _read, index, added)
    try:
        encoded = json.dumps(rows, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # names of refs may hold bytes that are no text
        return []
    return rows if len(encoded) <= BYTES else []


def _read(repository: LibgitRepository, index: RowIndex, added: int) -> Rows:
    rows: Rows = windows.window(index, Place(0), added, reader(repository))["rows"]
    return rows
