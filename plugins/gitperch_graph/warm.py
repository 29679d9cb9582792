"""Packs that stay open while somebody scrolls.

libgit2 maps a pack and its index for all who have them open, and unmaps both when the last one is done: then each window pays again
for every page that it touches, half of what it costs. Someone who has the repository open as well changes that.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 1.0  # after the last window; until then the pages that were looked at count as this process's
_AT_ONCE = 2


class Warm:
    """Repositories that are open for nobody in particular."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, tuple[Any, asyncio.TimerHandle]] = OrderedDict()

    def keep(self, path: Path) -> None:
        """A window of the repository is asked for: leave its packs open for a while."""
        if path in self._open:
            repository, timer = self._open.pop(path)
            timer.cancel()
        else:
            repository = _opened(path)
        if repository is None:
            return
        self._open[path] = (repository, asyncio.get_running_loop().call_later(SECONDS, self._drop, path))
        while len(self._open) > _AT_ONCE:
            self._drop(next(iter(self._open)))

    def _drop(self, path: Path) -> None:
        repository, timer = self._open.pop(path)
        timer.cancel()
        repository.free()


def _opened(path: Path) -> Any:
    """The repository with its packs loaded; None where libgit2 does not open it."""
    import pygit2  # late, as in the host

    try:
        repository = pygit2.Repository(str(path))
        repository.odb  # noqa: B018 -- opens what it has
    except (pygit2.GitError, OSError):
        return None
    return repository
