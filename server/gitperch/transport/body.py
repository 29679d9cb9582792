"""A request's body as git may have it: inflated, counted, and not waited for without end."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, TooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import Receive

_PIECE = 1 << 20


class ClientGone(Exception):
    """The client has closed the connection, or stopped sending or taking."""


class Body:
    """Iterate once for the chunks."""

    def __init__(self, receive: Receive, encoding: str, limit: int, stall_seconds: float) -> None:
        """`encoding` is the Content-Encoding header; `limit` is in bytes of what comes out, so that a bomb bursts early.

        Raises BadRequest for an encoding other than gzip.
        """
        if encoding.lower() not in ("", "identity", "gzip", "x-gzip"):
            raise BadRequest(f"The content encoding {encoding[:40]!r} is not known here; send gzip or none.")
        self._inflater = zlib.decompressobj(wbits=31) if "gzip" in encoding.lower() else None
        self._receive = receive
        self._left = self._limit = limit
        self._stall_seconds = stall_seconds
        self._arriving = self._arrive()  # one for all readers, so that none loses what another has begun
        self._pulled: list[bytes] = []

    async def whole(self, limit: int) -> bytes | None:
        """All of it, if that is at most `limit` bytes; otherwise None. Iterating afterwards begins at the beginning all the same."""
        size = 0
        async for chunk in self._arriving:
            self._pulled.append(chunk)
            size += len(chunk)
            if size > limit:
                return None
        return b"".join(self._pulled)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ClientGone when the client leaves or stalls, TooLarge over the limit, BadRequest for broken gzip."""
        for chunk in self._pulled:
            yield chunk
        async for chunk in self._arriving:
            yield chunk

    async def _arrive(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                async with asyncio.timeout(self._stall_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise ClientGone from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            for chunk in self._inflated(message.get("body", b"")):
                self._left -= len(chunk)
                if self._left < 0:
                    raise TooLarge(f"The request is larger than {self._limit} bytes, the most that this server takes.")
                yield chunk

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        if not self._inflater:
            if data:
                yield data
            return
        while data:
            try:
                piece = self._inflater.decompress(data, _PIECE)
            except zlib.error:
                raise BadRequest("The body is not the gzip stream that its Content-Encoding promises.") from None
            if piece:
                yield piece
            data = self._inflater.unconsumed_tail

    async def gone(self) -> None:
        """Wait, after the body's end, for the client to leave; then raise ClientGone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientGone
