"""The beginning of what a git command says, within bounds of size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.errors import Busy

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git import Git

READ_SIZE = 64 << 10


class _EnoughError(Exception):
    """Leaves the block in which git runs, so that it is ended."""


async def beginning(git: Git, *arguments: str, path: Path, limit: int, seconds: float) -> tuple[bytes, bool]:
    """At most `limit` bytes of git's output, as far as it came in `seconds`; and whether that is all of it.

    Raises GitError where git ends with a status other than 0.
    """
    output = bytearray()
    try:
        async with git.stream(*arguments, path=path, timeout=seconds + 30) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            try:
                async with asyncio.timeout(seconds):
                    while chunk := await process.stdout.read(READ_SIZE):
                        output += chunk
                        if len(output) > limit:
                            raise _EnoughError
            except TimeoutError:
                raise _EnoughError from None
    except _EnoughError:
        return bytes(output[:limit]), False
    return bytes(output), True


async def looked_up(git: Git, *arguments: str, path: Path, limit: int, seconds: float) -> tuple[bytes, bool]:
    """As `beginning`, for what a page shows: at most `LOOKERS` at once, since each may read a whole history.

    Raises GitError as that does, Busy when none of the others is done in time.
    """
    try:
        async with asyncio.timeout(git.settings.wait_seconds):
            await git.lookers.acquire()
    except TimeoutError:
        raise Busy("The server is busy looking things up for others. Try again in a minute.") from None
    try:
        return await beginning(git, *arguments, path=path, limit=limit, seconds=seconds)
    finally:
        git.lookers.release()
