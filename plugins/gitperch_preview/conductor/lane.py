"""Steps that are done one after the other, and may be ended half-way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from gitperch_preview.conductor.records import Record
    from gitperch_preview.contract import Running


class Lane:
    """`step` is the one that is under way, "" for none. What it would leave behind if it fails, or is ended, is noted here beforehand."""

    def __init__(self) -> None:
        self.step = ""
        self.record: Record | None = None
        """The deployment that the step is about, where that is not the one that serves."""
        self.starting: tuple[str, Running] | None = None
        """An app that was started and does not answer yet, and the name of its runner."""
        self.leftovers: dict[int, str] = {}
        """Deployments (and their runners) of which something may be left that nobody needs."""
        self._job: asyncio.Task[None] | None = None

    async def run(self, work: Coroutine[Any, Any, None]) -> bool:
        """Whether it came to its end by itself."""
        try:
            async with asyncio.TaskGroup() as group:
                self._job = group.create_task(work)
            return not self._job.cancelled()
        finally:
            self._job = None

    def end(self) -> None:
        """End the step half-way, if there is one."""
        if self._job:
            self._job.cancel()
