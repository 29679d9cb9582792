"""A large file straight from git, for a client that may be slow or gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gitperch.accounts.access import client_address

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git

CHUNK = 256 << 10


class _LeftError(Exception):
    """Nobody reads any more: leaving by an exception ends git."""


class StreamedBlob(Response):
    """The blob `oid` of `size` bytes, in one of the places for git processes that serve clients.

    It ends when the client goes, or takes nothing for `git.stall_seconds`. Raises Busy when no place gets free in time.
    """

    def __init__(self, git: Git, path: Path, oid: str, size: int, headers: Mapping[str, str]) -> None:
        super().__init__(None, 200, {**headers, "content-length": str(size)})
        self._git = git
        self._path = path
        self._oid = oid

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            return await super().__call__(scope, receive, send)
        async with self._git.children.turn(client_address(HTTPConnection(scope))):
            gone = asyncio.ensure_future(_gone(receive))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                await self._pass(send, gone)
            except _LeftError:
                pass
            finally:
                gone.cancel()

    async def _pass(self, send: Send, gone: asyncio.Future[None]) -> None:
        settings, arguments = self._git.settings, ("cat-file", "blob", self._oid)
        async with self._git.stream(*arguments, path=self._path, timeout=settings.request_seconds) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            while chunk := await process.stdout.read(CHUNK):
                if gone.done():
                    raise _LeftError
                try:
                    async with asyncio.timeout(settings.stall_seconds):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    raise _LeftError from None
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
