"""The demo: a small garden's site with a history of its own, so that the very first page shows something alive."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch.host import Host
    from gitperch.repositories import Repository

OWNER, NAME = "demo", "garden"
DESCRIPTION = "Nine beds behind the station: a small site with a history. Look at its branches’ previews."
_SECONDS = 60.0
_CHUNK = 256 << 10


async def make(host: Host, now: float | None = None) -> Repository:
    """Make `demo/garden`, public and filled; its refs have yet to be observed. `now` (Unix seconds) is where its history ends."""
    owner = await host.people.find(OWNER) or await host.people.add(OWNER, None)
    repository = await host.repositories.create(owner, NAME, private=False, description=DESCRIPTION)
    # Drawn by a helper, which takes its 30 MB with it when it ends.
    command = (sys.executable, "-m", "gitperch.demo", str(int(time.time() if now is None else now)))
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
