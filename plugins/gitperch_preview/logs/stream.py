"""Sending a log to a client that may be slow, or gone."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, nullcontext
from typing import TYPE_CHECKING

from starlette.responses import Response

from gitperch_preview.delivery import gone_from
from gitperch_preview.logs.reading import follow, until_now

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from gitperch_preview.logs.reading import Piece, Reader, Secrets

EVENTS = "text/event-stream"
ASK_SECONDS = 30.0
BEAT_SECONDS = 15.0


class LogStream(Response):
    """What `reader` reads, to the log's present end or, in one of the `places`, until `over()` says in which state it ended.

    As text, or as events (WHATWG HTML, 9.2): messages with the id DEPLOYMENT:OFFSET, from which a browser goes on by itself after its
    connection was lost, and one of the type `end` with the state. It breaks off when the client is gone or takes nothing for
    `stall_seconds`, and when `allowed()`, asked now and then, does not hold any more.
    """

    def __init__(
        self,
        reader: Reader,
        secrets: Secrets,
        deployment_id: int,
        headers: Mapping[str, str],
        stall_seconds: float,
        over: Callable[[], str | None],
        allowed: Callable[[], Awaitable[bool]],
        places: asyncio.Semaphore | None,
    ) -> None:
        super().__init__(None, 200, headers)
        del self.headers["content-length"]
        self._reader = reader
        self._secrets = secrets
        self._deployment_id = deployment_id
        self._events = headers["content-type"] == EVENTS
        self._stall_seconds = stall_seconds
        self._places = places
        self._over = over
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            gone = asyncio.ensure_future(gone_from(receive))
            try:
                async with self._places or nullcontext():
                    with self._reader:
                        whole = await self._pass(send, gone)
            finally:
                gone.cancel()
            if not whole:
                return  # unfinished, so that nobody takes it for all there is
        await send({"type": "http.response.body", "body": b""})

    async def _pass(self, send: Send, gone: asyncio.Future[None]) -> bool:
        """Whether all was sent."""
        asked = beat = time.monotonic()
        pieces: AsyncGenerator[Piece | None, None] | AsyncGenerator[Piece, None] = until_now(
            self._reader, self._secrets
        )
        if self._places:
            pieces = follow(self._reader, self._secrets, lambda: self._over() is not None)
        async with aclosing(pieces):
            async for piece in pieces:
                now = time.monotonic()
                if now - asked > ASK_SECONDS:
                    asked = now
                    if not await self._allowed():
                        return False
                data = (
                    self._written(piece) if piece else b":\n\n" if self._events and now - beat > BEAT_SECONDS else b""
                )
                if gone.done() or (data and not await self._sent(send, data)):
                    return False
                beat = now if data else beat
        state = self._over()
        if self._events and state:
            return await self._sent(send, f"event: end\ndata: {state}\n\n".encode())
        return True

    async def _sent(self, send: Send, data: bytes) -> bool:
        try:
            async with asyncio.timeout(self._stall_seconds):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            return False
        return True

    def _written(self, piece: Piece) -> bytes:
        text = piece.text
        if self._events:
            lines = "".join(f"data: {line}\n" for line in text.split("\n"))
            text = f"id: {self._deployment_id}:{piece.end}\n{lines}\n"
        return text.encode("utf-8", "replace")
