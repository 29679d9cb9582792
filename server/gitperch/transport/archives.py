"""`git archive --remote`: `git upload-archive`, streamed. It speaks the same over every transport, in no version of the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.transport.relay import beside, check_whole, feed, relay

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.transport.answer import Answer
    from gitperch.transport.body import Body
    from gitperch.transport.opened import Opened


async def answer(git: Git, opened: Opened, body: Body, answer: Answer) -> None:
    """Answer one POST to `git-upload-archive`."""
    making = git.stream(
        "upload-archive",
        str(opened.path),
        environment=opened.environment,
        timeout=git.settings.request_seconds,
        check=False,
        complain=opened.complain,
    )
    # A client that goes away ends the block, and with it git's process group.
    async with git.children.turn(opened.client), making as process, beside(feed(body, process, body.gone)):
        await relay(process, answer)
    check_whole(process, answer, "upload-archive")
    await answer.end()
