"""Limits kept by looking, where the kernel keeps none for a group: what uses more memory than it may is ended, and so is what multiplies.

The machine's free memory is read often, which costs next to nothing; the processes themselves only when it has shrunk, or after a while.
What is faster than that meets the kernel, which ends previews before anything else (`cell`, oom_score_adj).
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from gitperch_preview.runners.process import proc

if TYPE_CHECKING:
    from gitperch_preview.runners.process.run import Run

LOOK_SECONDS = 0.2
WHOLE_SECONDS = 3.0
SHRUNK = 24 << 20


class Watch:
    """`add` what is to be watched; `look` goes on until it is cancelled."""

    def __init__(self) -> None:
        self._runs: set[Run] = set()
        self._some = asyncio.Event()

    def add(self, run: Run) -> None:
        """Limits of a group are the kernel's to keep."""
        if not run.group:
            self._runs.add(run)
            run.ended.add_done_callback(lambda _: self._runs.discard(run))
            self._some.set()

    async def look(self) -> None:
        free, looked_at = 0, 0.0
        while True:
            if not self._runs:
                self._some.clear()
                await self._some.wait()
            now, left = time.monotonic(), proc.available()
            if left < free - SHRUNK or now - looked_at > WHOLE_SECONDS:
                await self._judge()
                left, looked_at = proc.available(), time.monotonic()
                free = left
            free = max(free, left)
            await asyncio.sleep(LOOK_SECONDS)

    async def _judge(self) -> None:
        runs = list(self._runs)
        for run, (used, count) in zip(runs, await asyncio.to_thread(_measure, runs), strict=True):
            if run.ended.done():
                continue
            if used > run.limits.memory:
                run.oom = True
                run.kill()
            elif count > run.limits.processes:
                run.problem = f"It had more than the {run.limits.processes} processes and threads that it may have."
                run.kill()


def _measure(runs: list[Run]) -> list[tuple[int, int]]:
    """Bytes and processes of each."""
    alive = proc.alive()
    return [_measured(run, run.pids(alive)) for run in runs]


def _measured(run: Run, pids: set[int]) -> tuple[int, int]:
    used = proc.memory(pids)
    if used > run.limits.memory:  # perhaps it shares a lot
        used = proc.memory(pids, exact=True)
    return used, len(pids)
