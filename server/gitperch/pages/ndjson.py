"""Answers that come a line at a time, while git is still looking: one JSON object per line (application/x-ndjson)."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch.errors import AppError, Busy
from gitperch.git import GitError
from gitperch.pages.leaving import gone_from

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git

T = TypeVar("T")
log = logging.getLogger("gitperch.pages")

PAUSE_SECONDS = 0.03  # between two pieces: what comes together is sent together
AHEAD_BYTES = 1 << 20  # that wait for a slow client before git has to


class Ndjson(Response):
    """The objects of `lines`, as they come, in one of the places for git processes that serve clients.

    It ends when the client leaves, or takes nothing for `git.stall_seconds`; `lines` is then closed, and with it the git that it
    reads from. What goes wrong in the middle becomes a last line, `{"error": sentence}`. Raises Busy when no place gets free.
    """

    def __init__(self, git: Git, lines: AsyncGenerator[Mapping[str, Any]], headers: Mapping[str, str]) -> None:
        standard = {
            "content-type": "application/x-ndjson",
            "vary": "cookie, authorization, accept-encoding",
            "x-content-type-options": "nosniff",
        }
        super().__init__(None, 200, standard | dict(headers))
        del self.headers["content-length"]
        self._git = git
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        packed = b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
        if packed:
            self.headers["content-encoding"] = "gzip"
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(aclosing(self._lines))
            await stack.enter_async_context(self._git.children.turn(client_address(HTTPConnection(scope))))
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            passing = asyncio.ensure_future(self._pass(send, packed))
            gone = asyncio.ensure_future(gone_from(receive))
            try:
                await asyncio.wait((passing, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                gone.cancel()
                passing.cancel()
                await asyncio.wait((passing,))
            if not passing.cancelled():
                passing.result()

    async def _pass(self, send: Send, packed: bool) -> None:
        """Send what there is every `PAUSE_SECONDS`, until there is no more."""
        waiting = bytearray()
        reading = asyncio.ensure_future(self._read(waiting))
        pack = zlib.compressobj(5, zlib.DEFLATED, 31) if packed else None
        try:
            more = True
            while more:
                await asyncio.wait((reading,), timeout=PAUSE_SECONDS)
                more = not reading.done()
                piece, waiting[:] = bytes(waiting), b""
                if pack and (piece or not more):
                    piece = pack.compress(piece) + pack.flush(zlib.Z_SYNC_FLUSH if more else zlib.Z_FINISH)
                if piece or not more:
                    async with asyncio.timeout(self._git.settings.stall_seconds):
                        await send({"type": "http.response.body", "body": piece, "more_body": more})
            reading.result()
        except TimeoutError:
            pass  # the client has stopped reading
        finally:
            reading.cancel()
            await asyncio.wait((reading,))

    async def _read(self, waiting: bytearray) -> None:
        """Put each line behind `waiting`. The generator is closed here, in the task that runs it."""
        async with aclosing(self._lines) as lines:
            try:
                async for line in lines:
                    waiting += _line(line)
                    while len(waiting) > AHEAD_BYTES:  # noqa: ASYNC110 -- `_pass` looks at the clock as well
                        await asyncio.sleep(PAUSE_SECONDS)
            except AppError as error:
                waiting += _line({"error": error.message})
            except GitError as error:
                log.info("a stream ended early: %s", error)
                waiting += _line({"error": "git did not come to an end with this, or something is missing here."})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii") + b"\n"


async def while_here(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client leaves. Raises Busy then, for nobody to read."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(gone_from(request.receive))
    try:
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
    if working.cancelled():
        raise Busy("The client has left.")
    return working.result()
