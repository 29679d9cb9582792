"""Packs that stay open while somebody scrolls.

libgit2 maps a pack and its index for all who have them open, and unmaps both when the last one is done: then each window pays again
for every page that it touches, half of what it costs. Someone who has the repository open as well changes that. Large packs are not mapped.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch_graph.packs import Packs, are_large

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex

SECONDS = 1.0  # after the last window; until then the pages that were looked at count as this process's
_AT_ONCE = 2
_WINDOWS = 2  # after so many, pages of the row index are given back, too: each random one touches a megabyte and a half of them


class Warm:
    """Repositories that are open for nobody in particular."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, _Kept] = OrderedDict()

    def keep(self, path: Path, index: RowIndex) -> Packs | None:
        """A window of the repository is asked for: leave its packs open for a while. Those to read from, if they are large."""
        kept = self._open.pop(path, None)
        if kept:
            kept.timer.cancel()
        windows = kept.windows + 1 if kept else 1
        if index.base and windows % _WINDOWS == 0:
            index.base.rest()
        packs = kept.packs if kept and kept.packs and kept.packs.is_current else None
        repository = kept.repository if kept else None
        if not packs and not repository:
            packs, repository = (Packs.at(path), None) if are_large(path) else (None, _opened(path))
        timer = asyncio.get_running_loop().call_later(SECONDS, self._drop, path)
        self._open[path] = _Kept(repository, packs, index, timer, windows)
        while len(self._open) > _AT_ONCE:
            self._drop(next(iter(self._open)))
        return packs

    def _drop(self, path: Path) -> None:
        kept = self._open.pop(path)
        kept.timer.cancel()
        if kept.repository:
            kept.repository.free()
        if kept.index.base:
            kept.index.base.rest()


@dataclass(frozen=True)
class _Kept:
    repository: Any
    packs: Packs | None
    index: RowIndex
    timer: asyncio.TimerHandle
    windows: int


def _opened(path: Path) -> Any:
    """The repository with its packs loaded; None where libgit2 does not open it."""
    import pygit2  # late, as in the host

    try:
        repository = pygit2.Repository(str(path))
        repository.odb  # noqa: B018 -- opens what it has
    except (pygit2.GitError, OSError):
        return None
    return repository
