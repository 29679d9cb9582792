"""The way to an app, and to nobody who listens in its stead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitperch_preview.contract import Upstream

P = TypeVar("P", bound=asyncio.BaseProtocol)


class Stranger(ConnectionRefusedError):
    """Another program listens where the app should."""


async def connected(upstream: Upstream, factory: Callable[[], P]) -> tuple[asyncio.Transport, P]:
    """A connection to the app, as `loop.create_connection` makes them. Raises OSError; Stranger where somebody else takes it."""
    loop = asyncio.get_running_loop()
    for _ in range(2):  # the first proves to whom the second goes
        transport, protocol = await loop.create_connection(factory, upstream.host, upstream.port)
        try:
            own = not upstream.proof or await upstream.proof()
        except BaseException:
            transport.abort()
            raise
        if own:
            return transport, protocol
        transport.abort()
    raise Stranger
