"""A stored object for a client that may be slow, gone, or have the beginning of it already."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch.errors import NotFound
from gitperch.lfs.store import PIECE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import Headers
    from starlette.requests import HTTPConnection
    from starlette.types import Receive, Scope, Send

    from gitperch.git.admission import Admission
    from gitperch.lfs.store import Stored

_RANGE = re.compile(r"bytes=(?:(?P<first>\d{1,18})-(?P<last>\d{0,18})|-(?P<length>\d{1,18}))")


class Download(Response):
    """`stored` with `headers`, or the part of it that the request's Range asks for (RFC 9110, section 14).

    It ends when the client goes, or takes nothing for `stall_seconds`. Raises Busy when none of `places` gets free in time.
    """

    def __init__(
        self,
        connection: HTTPConnection,
        stored: Stored,
        places: Admission,
        stall_seconds: float,
        headers: Mapping[str, str],
    ) -> None:
        etag = f'"{stored.oid}"'
        self._stored, self._places, self._stall_seconds = stored, places, stall_seconds
        self._client = client_address(connection)
        self._first, self._length = 0, stored.size
        status, own = 200, {"etag": etag, "accept-ranges": "bytes"}
        if etag in connection.headers.get("if-none-match", ""):
            status, self._length = 304, 0
        elif (part := _part(connection.headers, etag, stored.size)) is not None:
            self._first, self._length = part.start, len(part)
            status = 206 if part else 416
            shown = f"{part.start}-{part.stop - 1}" if part else "*"
            own["content-range"] = f"bytes {shown}/{stored.size}"
        if status != 304:
            own["content-length"] = str(self._length)
        super().__init__(None, status, {**headers, **own})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD" or not self._length:
            return await super().__call__(scope, receive, send)
        async with self._places.turn(self._client):
            try:
                file = self._stored.path.open("rb", buffering=0)
            except FileNotFoundError:
                raise NotFound("The object was deleted a moment ago.") from None
            gone = asyncio.ensure_future(_gone(receive))
            with file:
                try:
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                    await self._pass(file.fileno(), send, gone)
                finally:
                    gone.cancel()

    async def _pass(self, descriptor: int, send: Send, gone: asyncio.Future[None]) -> None:
        at, end = self._first, self._first + self._length
        while at < end:
            piece = await asyncio.to_thread(os.pread, descriptor, min(PIECE, end - at), at)
            if not piece:
                raise OSError(f"{self._stored.path} has fewer bytes than when it was stored")
            at += len(piece)
            if gone.done():
                return
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await send({"type": "http.response.body", "body": piece, "more_body": at < end})
            except TimeoutError:
                return


def _part(headers: Headers, etag: str, size: int) -> range | None:
    """The bytes that are asked for; None for all, an empty range where there are none such. Several ranges count as all."""
    match = _RANGE.fullmatch(headers.get("range", "").strip())
    if not match or headers.get("if-range", etag) != etag:
        return None
    if match["length"]:
        return range(max(0, size - int(match["length"])), size)
    last = int(match["last"]) if match["last"] else size - 1
    if last < int(match["first"]) and match["last"]:
        return None  # no range at all, by its grammar
    return range(int(match["first"]), min(last + 1, size))


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
