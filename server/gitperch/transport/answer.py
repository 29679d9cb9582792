"""The response to a git client, begun with its first bytes, so that what fails before can still have a status of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.transport.body import ClientGone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import Send

NO_CACHE = (
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
)


class Answer:
    """A response of status 200 with git's headers."""

    def __init__(
        self,
        send: Send,
        content_type: str,
        stall_seconds: float,
        caching: Sequence[tuple[bytes, bytes]] = NO_CACHE,
    ) -> None:
        self._send = send
        self._headers = [*caching, (b"content-type", content_type.encode("ascii"))]
        self._stall_seconds = stall_seconds
        self._ahead = b""
        self.begun = False

    def length(self, size: int) -> None:
        """Say beforehand how many bytes there will be, which saves both sides the chunks' framing."""
        self._headers.append((b"content-length", b"%d" % size))

    def header(self, name: bytes, value: bytes) -> None:
        """One more header, before anything is written."""
        self._headers.append((name, value))

    def before(self, data: bytes) -> None:
        """Have `data` go before whatever is written first, if anything is."""
        self._ahead = data

    async def write(self, data: bytes) -> None:
        """Raises ClientGone when the client takes nothing for `stall_seconds`."""
        try:
            async with asyncio.timeout(self._stall_seconds):
                await self._begin()
                ahead, self._ahead = self._ahead, b""
                await self._send({"type": "http.response.body", "body": ahead + data, "more_body": True})
            # A client that takes as fast as we give never makes us wait, and everybody else would.
            await asyncio.sleep(0)
        except TimeoutError:
            raise ClientGone from None

    async def end(self, data: bytes = b"") -> None:
        await self._begin()
        await self._send({"type": "http.response.body", "body": self._ahead + data})

    async def whole(self, data: bytes) -> None:
        """All of it at once."""
        self.length(len(self._ahead) + len(data))
        await self.end(data)

    async def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
