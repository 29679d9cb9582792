"""The demo: a small garden's site with a history of its own, and an app that runs, so that the very first page shows something alive."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch.accounts.people import User
    from gitperch.host import Host
    from gitperch.repositories import Repository

OWNER = "demo"
REPOSITORIES = {
    "birdhouse": "Who comes to the birdhouse, live: a small app. Each of its branches runs, and sleeps when nobody looks.",
    "garden": "Nine beds behind the station: a small site with a history. Look at its branches’ previews.",
}
_SECONDS = 60.0
_CHUNK = 256 << 10


async def make(host: Host, now: float | None = None) -> list[Repository]:
    """Make the demo's repositories, public and filled; their refs have yet to be observed. `now` (Unix seconds) is where histories end."""
    owner = await host.people.find(OWNER) or await host.people.add(OWNER, None)
    moment = time.time() if now is None else now
    return [await _filled(host, owner, name, int(moment)) for name in REPOSITORIES]


async def _filled(host: Host, owner: User, name: str, now: int) -> Repository:
    repository = await host.repositories.create(owner, name, private=False, description=REPOSITORIES[name])
    # Drawn by a helper, which takes its 30 MB with it when it ends.
    command = (sys.executable, "-m", "gitperch.demo", name, str(now))
    helper = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=_CHUNK)
    try:
        async with host.git.stream("fast-import", "--quiet", "--done", path=repository.path, timeout=_SECONDS) as git:
            assert git.stdin  # noqa: S101 -- pipes, as asked for
            assert helper.stdout  # noqa: S101
            while chunk := await helper.stdout.read(_CHUNK):
                git.stdin.write(chunk)
                await git.stdin.drain()
            git.stdin.close()
    finally:
        if helper.returncode is None and not helper.stdout.at_eof():  # type: ignore[union-attr]  # a pipe, as asked for
            helper.kill()
        await helper.wait()
    return repository
