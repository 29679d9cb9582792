"""Who may build now: so many at once, and the repositories in turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Slots:
    """So many places. A free one goes to the repository that had its last turn longest ago, in it to whoever came first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._turns: Counter[int] = Counter()  # the number of its last turn, of repositories that wait or build
        self._turn = 0

    @property
    def are_taken(self) -> bool:
        return not self._free

    @contextlib.asynccontextmanager
    async def turn(self, repo_id: int) -> AsyncIterator[None]:
        """A place for as long as the block runs."""
        if self._free:
            self._take(repo_id)
        else:
            await self._wait(repo_id)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, repo_id: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((repo_id, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if (repo_id, turn) in self._waiting:
                self._waiting.remove((repo_id, turn))
            elif not turn.cancelled():  # it came at the same moment
                self._leave()
            raise

    def _take(self, repo_id: int) -> None:
        self._free -= 1
        self._turn += 1
        self._turns[repo_id] = self._turn

    def _leave(self) -> None:
        self._free += 1
        # Whose task was cancelled a moment ago still stands in the row.
        self._waiting = [one for one in self._waiting if not one[1].done()]
        if not self._waiting:
            self._turns.clear()  # nobody waits, so nobody's turn was before another's
            return
        first = min(self._waiting, key=lambda one: self._turns[one[0]])
        self._waiting.remove(first)
        repo_id, turn = first
        self._take(repo_id)
        turn.set_result(None)
