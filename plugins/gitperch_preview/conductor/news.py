"""Waiting until something has changed, for as many as like."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class News:
    def __init__(self) -> None:
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Something has changed: all who wait look again."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, found: Callable[[], T | None], seconds: float) -> T | None:
        """What `found()` says as soon as it is not None; None after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while (value := found()) is None:
                    await self._event.wait()
                return value
        except TimeoutError:
            return found()


async def whole(step: Awaitable[T]) -> T:
    """Finish `step` even when this task is cancelled meanwhile; then let the cancellation go on."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
