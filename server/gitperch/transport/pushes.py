"""Pushes: `git receive-pack`, streamed, with the server at the other end of its hooks."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from gitperch.transport.commands import bounded
from gitperch.transport.hooks_pipe import HookPipe
from gitperch.transport.relay import beside, feed, relay

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.transport.answer import Answer
    from gitperch.transport.body import Body
    from gitperch.transport.opened import Opened


async def receive(git: Git, opened: Opened, body: Body, answer: Answer, protocol: str) -> bool:
    """Relay one POST to `git receive-pack` and all of its answer but the end. Returns whether the receiver knows what moved.

    Once all of it is here, a push is finished even if the client does not wait for the answer.
    """
    environment = {**opened.environment, **({"GIT_PROTOCOL": protocol} if protocol else {})}
    with ExitStack() as stack:
        hooks = stack.enter_context(HookPipe(opened.receiver)) if opened.receiver else None
        receiving = git.stream(
            "receive-pack",
            "--stateless-rpc",
            str(opened.path),
            environment=environment | (hooks.environment if hooks else {}),
            timeout=git.settings.request_seconds,
            pass_fds=hooks.inherited if hooks else (),
            check=False,
        )
        async with receiving as process, beside(feed(bounded(body), process), *([hooks.serve()] if hooks else [])):
            await relay(process, answer, patient=True)
        return not hooks or hooks.moved
