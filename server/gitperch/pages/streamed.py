"""What git says, straight to a client that may be slow or gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch.pages.leaving import gone_from

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git

CHUNK = 256 << 10


class _LeftError(Exception):
    """Nobody reads any more, or there is too much: leaving by an exception ends git."""


class StreamedFromGit(Response):
    """What git says to `arguments`, in one of the places for processes that serve clients.

    It ends when the client goes, takes nothing for `git.stall_seconds`, or `limit` bytes were sent: cut off, and the connection with it,
    so that nobody takes it for whole. What fails before the first byte raises GitError; Busy when no place gets free in time.
    """

    def __init__(
        self, git: Git, path: Path, arguments: Sequence[str], headers: Mapping[str, str], limit: int | None = None
    ) -> None:
        super().__init__(None, 200, headers)
        if "content-length" not in headers:
            del self.headers["content-length"]
        self._git = git
        self._path = path
        self._arguments = arguments
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            return await super().__call__(scope, receive, send)
        async with self._git.children.turn(client_address(HTTPConnection(scope))):
            gone = asyncio.ensure_future(gone_from(receive))
            try:
                await self._pass(send, gone)
            except _LeftError:
                pass
            finally:
                gone.cancel()

    async def _pass(self, send: Send, gone: asyncio.Future[None]) -> None:
        settings, sent = self._git.settings, 0
        async with self._git.stream(*self._arguments, path=self._path, timeout=settings.request_seconds) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            # What fails at once becomes a page that says so.
            chunk = await process.stdout.read(CHUNK)
            if chunk:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while chunk:
                sent += len(chunk)
                if gone.done() or (self._limit is not None and sent > self._limit):
                    raise _LeftError
                try:
                    async with asyncio.timeout(settings.stall_seconds):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    raise _LeftError from None
                chunk = await process.stdout.read(CHUNK)
        if not sent:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b""})


class StreamedBlob(StreamedFromGit):
    """The blob `oid` of `size` bytes."""

    def __init__(self, git: Git, path: Path, oid: str, size: int, headers: Mapping[str, str]) -> None:
        super().__init__(git, path, ("cat-file", "blob", oid), {**headers, "content-length": str(size)})
