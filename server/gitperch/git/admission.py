"""Who may start a git process now: bounded for all together, and in turn among clients."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from gitperch.errors import Busy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Admission:
    """So many places; a free one goes to the waiting client that holds the fewest, and among equals to the one that came first.

    One client with a hundred requests then delays its own. A quarter of the places is never one client's alone, so that another's
    first request finds one free even where those that are taken are held for long.
    """

    def __init__(self, places: int, wait_seconds: float) -> None:
        self._free = places
        self._most = places - places // 4
        self._wait_seconds = wait_seconds
        self._held: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @property
    def taken(self) -> int:
        """Places that are held now."""
        return self._held.total()

    @property
    def awaited(self) -> int:
        """Requests that wait for one."""
        return len(self._waiting)

    @contextlib.asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """A place for as long as the block runs. Raises Busy when none gets free in time."""
        await self._enter(client)
        try:
            yield
        finally:
            self._leave(client)

    async def _enter(self, client: str) -> None:
        if self._free and self._held[client] < self._most:
            self._take(client)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((client, turn))
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except BaseException as error:
            if (client, turn) in self._waiting:
                self._waiting.remove((client, turn))
            elif not turn.cancelled():  # it came at the same moment
                self._leave(client)
            if isinstance(error, TimeoutError):
                raise Busy(
                    "The server is busy with other clones, pushes and downloads. Try again in a minute."
                ) from None
            raise

    def _take(self, client: str) -> None:
        self._free -= 1
        self._held[client] += 1

    def _leave(self, client: str) -> None:
        self._free += 1
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]
        while self._free and (waiting := [one for one in self._waiting if self._held[one[0]] < self._most]):
            first = min(waiting, key=lambda one: self._held[one[0]])
            self._waiting.remove(first)
            waiter, turn = first
            if not turn.done():
                self._take(waiter)
                turn.set_result(None)
