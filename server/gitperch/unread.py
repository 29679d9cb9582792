"""What a client is still sending when it has its answer.

An ASGI server hands on a body through a short queue and reads no further when that is full. If nobody empties it, the server can
neither say nor see that the connection is over (hypercorn waits for room to put `http.disconnect`), and keeps it for ever.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gitperch.tasks import Supervisor

LINGER_SECONDS = 2.0  # closing at once would often destroy the answer on its way (RFC 9112, section 9.6)
LONGEST_SECONDS = 600.0
_number = itertools.count()


async def with_unread_taken(app: ASGIApp, tasks: Supervisor, scope: Scope, receive: Receive, send: Send) -> None:
    """Run `app`; whatever of the request's body it leaves unread is taken and thrown away."""
    if not _may_have_body(scope):
        return await app(scope, receive, send)
    over = asyncio.Event()  # no more of the body comes

    async def receiving() -> Message:
        message = await receive()
        if not message.get("more_body"):
            over.set()
        return message

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body") and not over.is_set():
            await send({**message, "more_body": True})
            tasks.start(f"unread {next(_number)}", functools.partial(_take, receiving, over))
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await over.wait()
            except TimeoutError:
                pass
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    try:
        return await app(scope, receiving, sending)
    finally:
        if not over.is_set():
            tasks.start(f"unread {next(_number)}", functools.partial(_take, receiving, over))


async def _take(receiving: Receive, over: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            while not over.is_set():
                await receiving()
    except TimeoutError:
        pass


def _may_have_body(scope: Scope) -> bool:
    """By its headers (RFC 9112, section 6); in HTTP/2 they need not tell."""
    names = {name.lower() for name, _ in scope["headers"]}
    return scope["http_version"] not in ("1.0", "1.1") or not names.isdisjoint(
        (b"content-length", b"transfer-encoding")
    )
