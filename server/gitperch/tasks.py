"""Background work belongs to a supervisor: it has a name, a rule for its end, and a deadline at shutdown."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

log = logging.getLogger("gitperch.tasks")

RESTART_SECONDS = 1.0
DEADLINE_SECONDS = 5.0


class Supervisor:
    """Keeps every background task of the process. `stop` cancels them and waits, at most `DEADLINE_SECONDS`."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]], *, restart: bool = False) -> None:
        """Run `work()` as the task `name`. One that raises is logged and, with `restart`, run again after a second.

        A name that is still running is left alone, so that starting twice is harmless.
        """
        if self.running(name):
            return
        task = asyncio.create_task(self._run(name, work, restart), name=name)
        self._tasks[name] = task
        task.add_done_callback(functools.partial(self._forget, name))

    def running(self, name: str) -> bool:
        # A task that is done stays listed until its callback's turn; whoever starts it again in between means a new one.
        return name in self._tasks and not self._tasks[name].done()

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    async def _run(self, name: str, work: Callable[[], Coroutine[Any, Any, None]], restart: bool) -> None:
        while True:
            try:
                await work()
            except Exception:
                log.exception("background task %s failed", name)
            if not restart:
                return
            await asyncio.sleep(RESTART_SECONDS)

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DEADLINE_SECONDS)
            for task in late:
                log.warning("background task %s did not stop in %s s", task.get_name(), DEADLINE_SECONDS)


async def seen_through(step: Awaitable[Any]) -> None:
    """Finish `step` even when this task is cancelled meanwhile, then let the cancellation go on."""
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
