"""How many apps run at once. To make room for one that is wanted, the one that is idle longest goes to sleep."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.news import News

_LOOK_SECONDS = 1.0


class Room:
    """Counts branches: while a new version starts, the old one beside it needs no place of its own."""

    def __init__(self, most: int, news: News) -> None:
        self._most = most
        self._news = news
        self._inside: set[Branch] = set()
        self._turn = asyncio.Lock()

    def take(self, branch: Branch) -> None:
        """It runs already."""
        self._inside.add(branch)

    def leave(self, branch: Branch) -> None:
        self._inside.discard(branch)
        self._news.tell()

    async def enter(self, branch: Branch, seconds: float) -> None:
        """Wait for a place. Raises RunnerError when all are in use for so long."""
        if branch in self._inside:
            return
        try:
            async with asyncio.timeout(seconds), self._turn:
                while len(self._inside) >= self._most:
                    await self._ask_one_to_leave()
                self._inside.add(branch)
        except TimeoutError:
            raise RunnerError(
                f"There is no room: {self._most} previews run, the most that this server allows (previews.running), and all"
                " of them are in use. Put one to sleep, or try again later."
            ) from None

    async def _ask_one_to_leave(self) -> None:
        idle = [one for one in self._inside if one.can_sleep]
        leaving = min(idle, key=lambda one: one.idle_since, default=None)
        if leaving:
            leaving.wish("sleep")
            # It may have got a visitor meanwhile, and stay.
            await self._news.until(lambda: leaving not in self._inside or leaving.can_sleep or None, _LOOK_SECONDS * 30)
        else:
            await self._news.until(lambda: len(self._inside) < self._most or None, _LOOK_SECONDS)
