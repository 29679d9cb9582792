"""git out of everybody's way: niced, with idle IO and a bound on its memory, and never two at once in one queue.

Its end is certain: a deadline, the end of whoever waits for it, and the end of the server, even by SIGKILL. For that a shell in
git's process group listens to a pipe of which the server has the other end, and ends the group when that is closed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gitperch.git import Git

NICENESS = "10"
POLL_SECONDS = 0.05
# $1: kilobytes of data, $2: the pipe. What a machine lacks (ionice, limits) is done without.
_SCRIPT = """
ulimit -d "$1" 2>/dev/null
ionice -c 3 -p $$ 2>/dev/null
(read -r _ <"/dev/fd/$2"; kill -TERM 0) </dev/null >/dev/null 2>&1 &
shift 2
exec nice -n "$@"
"""


class Quietly:
    """Runs git as `Git.run` does; within `turn` as the only one of all that share its lock file, in any process."""

    def __init__(self, git: Git, lock_path: Path) -> None:
        self._git = git
        self._lock_path = lock_path
        self._lock: int | None = None
        self.memory = git.settings.upkeep_memory << 20  # bytes of data, mapped files not counted

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the lock and hold it for the block. A git that outlives its server goes on holding it until it has ended."""
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _locked(lock):  # noqa: ASYNC110 -- another process tells nobody
                await asyncio.sleep(POLL_SECONDS)
            self._lock = lock
            yield
        finally:
            if self._lock == lock:
                self._lock = None
            os.close(lock)

    async def run(self, *arguments: str, **options: Any) -> bytes:
        """As `Git.run`, with its arguments and errors. Only within `turn`."""
        assert self._lock is not None  # noqa: S101 -- the contract
        heard, held = os.pipe()
        limit = str(self.memory >> 10)
        prefix = ("sh", "-c", _SCRIPT, "sh", limit, str(heard), NICENESS)
        try:
            return await self._git.run(*arguments, **options, prefix=prefix, pass_fds=(heard, self._lock))
        finally:
            os.close(held)
            os.close(heard)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
