"""Work that is ended when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import Receive

LEFT = 499  # as nginx calls it; nobody reads it


def ends_with_client(
    handler: Callable[[Any, Request], Awaitable[Response]],
) -> Callable[[Any, Request], Awaitable[Response]]:
    """A method that answers a GET, cancelled when its client leaves, and with it the git processes that it waits for."""

    @functools.wraps(handler)
    async def watched(self: Any, request: Request) -> Response:
        work = asyncio.ensure_future(handler(self, request))
        gone = asyncio.ensure_future(gone_from(request.receive))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                await asyncio.wait((work,))
            return Response(status_code=LEFT) if work.cancelled() else work.result()
        finally:
            work.cancel()
            gone.cancel()

    return watched


async def gone_from(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
