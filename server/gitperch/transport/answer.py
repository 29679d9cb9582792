"""The response to a git client, begun with its first bytes, so that what fails before can still have a status of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.transport.body import ClientGone

if TYPE_CHECKING:
    from starlette.types import Send

NO_CACHE = [
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
]


class Answer:
    """A response of status 200 with git's headers."""

    def __init__(self, send: Send, content_type: str, stall_seconds: float) -> None:
        self._send = send
        self._headers = [(b"content-type", content_type.encode("ascii")), *NO_CACHE]
        self._stall_seconds = stall_seconds
        self._begun = False

    def length(self, size: int) -> None:
        """Say beforehand how many bytes there will be, which saves both sides the chunks' framing."""
        self._headers.append((b"content-length", b"%d" % size))

    async def write(self, data: bytes) -> None:
        """Raises ClientGone when the client takes nothing for `stall_seconds`."""
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._begin()
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            raise ClientGone from None

    async def end(self, data: bytes = b"") -> None:
        await self._begin()
        await self._send({"type": "http.response.body", "body": data})

    async def whole(self, data: bytes) -> None:
        """All of it at once."""
        self.length(len(data))
        await self.end(data)

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
