"""Upkeep of repositories after pushes: in the background, one at a time, out of everybody's way."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from gitperch.events import Event, RefsUpdated
from gitperch.git import GitError

if TYPE_CHECKING:
    from gitperch.host import Host

log = logging.getLogger("gitperch.maintenance")

REST_SECONDS = 20.0
LONGEST_SECONDS = 1800.0


def start(host: Host) -> None:
    """From now on, a repository that was pushed to is packed when git finds that it pays (`gc.auto`)."""
    waiting: dict[int, None] = {}
    woken = asyncio.Event()

    def hear(event: Event) -> None:
        if isinstance(event, RefsUpdated):
            waiting[event.repo_id] = None
            woken.set()

    host.events.listen(hear)
    host.tasks.start("maintenance", functools.partial(_work, host, waiting, woken), restart=True)


async def _work(host: Host, waiting: dict[int, None], woken: asyncio.Event) -> None:
    while True:
        await woken.wait()
        # Pushes come in bursts; one look after the burst is enough.
        await asyncio.sleep(REST_SECONDS)
        woken.clear()
        while waiting:
            repo_id = next(iter(waiting))
            del waiting[repo_id]
            repo = await host.repositories.by_id(repo_id)
            if repo:
                try:
                    await host.git.run("gc", "--auto", "--quiet", path=repo.path, timeout=LONGEST_SECONDS)
                except GitError as error:
                    log.warning("upkeep of %s: %s", repo.full_name, error)
