"""An index that takes long to build: how far that is, and what can be shown meanwhile."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gitperch_graph.newest import newest
from gitperch_graph.repository import HistoryUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex

SECONDS = 2.0
"""That may pass until the newest rows are there; with a hundred thousand refs it may be more, and then there are none."""

# What git says while it writes a commit-graph file, and which part of all the work is done when that is.
_COUNTED = re.compile(r"Expanding reachable commits.*?: +(\d+)")
_STEPS = {"Computing commit changed": 0.4, "levels": 0.45, "generation numbers": 0.5, "Writing out commit graph": 0.6}
_PERCENT = re.compile(r"(\d+)% \((\d+)/")
_BEGUN = 0.3  # of all the work is done when git has counted


class LongBuild:
    """`progress` is 0 to 1, 0 also while nobody knows; `commits` how many have been counted, or there are.

    `is_reading`: git reads the history, so as to write its commit-graph file; afterwards rows are laid out.
    """

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self.progress = 0.0
        self.commits = 0
        self.is_reading = False
        self._path = path
        self._environment = environment
        self._begun = 0.0  # the progress at which laying out begins
        self._lock = asyncio.Lock()
        self._newest: tuple[RowIndex, int] | None = None
        self._is_too_much = False

    def reading(self, said: str) -> None:
        """A line of git's own progress."""
        if counted := _COUNTED.search(said):
            self.is_reading, self.commits = True, int(counted[1])
            return
        end = next((end for words, end in _STEPS.items() if words in said), 0.0)
        percent = _PERCENT.search(said)
        if end and percent and self.is_reading:
            begin = max([_BEGUN, *(other for other in _STEPS.values() if other < end)])
            self.progress = max(self.progress, begin + (end - begin) * int(percent[1]) / 100)

    def laying_out(self, progress: float, commits: int) -> None:
        """As `apart.build` tells it."""
        if self.is_reading:
            self._begun, self.is_reading = self.progress, False
        self.progress, self.commits = self._begun + (1 - self._begun) * progress, commits

    async def newest(self) -> tuple[RowIndex, int] | None:
        """As `newest.newest`; None where that takes too long or cannot be."""
        async with self._lock:
            if not self._newest and not self._is_too_much:
                try:
                    async with asyncio.timeout(SECONDS):
                        self._newest = await asyncio.to_thread(newest, self._path, self._environment)
                except (TimeoutError, HistoryUnreadable):
                    self._is_too_much = True
        return self._newest
