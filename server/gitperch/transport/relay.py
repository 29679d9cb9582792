"""Between a client and a git process: both ways at once, at the pace of the slower, and over for all when it is for one."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from gitperch.git.process import READ_SIZE, GitError
from gitperch.transport.body import ClientGone

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine

    from gitperch.transport.answer import Answer


class Taker(Protocol):
    """What git's output can be given to: an Answer, or what stands before one."""

    async def write(self, data: bytes) -> None:
        """Raises ClientGone."""


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block: cancelled at its end; whatever fails first, here or there, ends all and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def feed(
    body: AsyncIterable[bytes],
    process: asyncio.subprocess.Process,
    then: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """The request's body into git, and `then` what is to be done."""
    assert process.stdin  # noqa: S101 -- a pipe, as asked for
    try:
        async for chunk in body:
            process.stdin.write(chunk)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # git has heard enough; what it says of it is on its way
    finally:
        process.stdin.close()
    if then:
        await then()


async def relay(process: asyncio.subprocess.Process, answer: Taker, *, patient: bool = False) -> None:
    """git's output to the client. With `patient`, git is heard out even when the client does not listen any more."""
    assert process.stdout  # noqa: S101 -- a pipe, as asked for
    listening = True
    while chunk := await process.stdout.read(READ_SIZE):
        if listening:
            try:
                await answer.write(chunk)
            except ClientGone:
                if not patient:
                    raise
                listening = False


def check_whole(process: asyncio.subprocess.Process, answer: Answer, command: str) -> None:
    """Nobody is to take for whole what a git that was killed has said: raises GitError, or ClientGone once the answer has begun."""
    if process.returncode and process.returncode < 0:
        raise ClientGone if answer.begun else GitError((command,), process.returncode, "killed")
