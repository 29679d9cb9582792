"""Who may search now."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from gitperch.errors import Busy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IN_ALL = 12
EACH = 4  # of one client: a page that replaces its search has two for a moment
WAIT_SECONDS = 10.0


class Turns:
    """So many searches at once, and so many of each client; who comes later waits a little."""

    def __init__(self, in_all: int = IN_ALL, each: int = EACH) -> None:
        self._in_all, self._each = in_all, each
        self._held: Counter[str] = Counter()
        self._left = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """A place for as long as the block runs. Raises Busy when none gets free in time."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._left:
                await self._left.wait_for(lambda: self._may(client))
                self._held[client] += 1
        except TimeoutError:
            raise Busy("Too many searches run at this moment. Try again in a few seconds.") from None
        try:
            yield
        finally:
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]
            async with self._left:
                self._left.notify_all()

    def _may(self, client: str) -> bool:
        return self._held.total() < self._in_all and self._held[client] < self._each
