"""One request goes to an app, and its answer comes back; both as they arrive, neither is ever held."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gitperch_preview.delivery import gone_from
from gitperch_preview.gateway import headers
from gitperch_preview.gateway.connections import Closed
from gitperch_preview.gateway.heads import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from starlette.types import Receive, Send

    from gitperch_preview.contract import Upstream
    from gitperch_preview.gateway.connections import Connection, Pools
    from gitperch_preview.gateway.headers import Request
    from gitperch_preview.gateway.heads import Answer, Headers

log = logging.getLogger("gitperch.preview")

if TYPE_CHECKING:
    Still = Callable[[], Awaitable[bool]]
    """Whether the client would be let in now."""

    class Tunnel(Protocol):
        """The client's connection (`gitperch.tunnel` among a scope's extensions)."""

        opened: bool

        async def open(self, headers: Headers) -> None: ...
        async def read(self) -> bytes: ...
        async def write(self, data: bytes) -> None: ...


STALL_SECONDS = 60.0  # a request's body may pause for so long
GUARD_SECONDS = 5.0
_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS"))


class Exchange:
    """`seconds` an app has until its answer begins."""

    def __init__(self, pools: Pools, seconds: float) -> None:
        self._pools = pools
        self._seconds = seconds

    async def run(
        self, upstream: Upstream, request: Request, receive: Receive, send: Send, still: Still, *, private: bool
    ) -> None:
        """Have the request answered. Where nothing was sent yet: raises Unreachable, Busy, Closed, Late, BadAnswer or Refused.

        An answer that ends too early is left without its end, so that nobody takes it for whole. One that takes long ends with its
        client, and when that is not let in any more.
        """
        whole = request.length == 0
        again = whole and request.method in _REPEATABLE
        # What cannot be sent twice is not sent over a connection that may just be closing.
        connection = await self._pools.connection(upstream, fresh=not again)
        tasks: list[asyncio.Future[None]] = []
        try:
            if whole:
                connection.ask(request.method, request.head, self._seconds, whole=True)
                connection.slow = lambda: tasks.extend(_watched(connection, receive, still))
            elif not await self._begin_body(connection, request, receive, still, tasks):
                return
            try:
                answer = await connection.answer()
            except Closed as error:
                if not (again and connection.used and error.unheard):
                    raise
                self._pools.release(upstream, connection)
                connection = await self._pools.connection(upstream, fresh=True)
                connection.ask(request.method, request.head, self._seconds, whole=True)
                connection.slow = lambda: tasks.extend(_watched(connection, receive, still))
                answer = await connection.answer()
            await _bring(connection, answer, request, send, private=private)
        finally:
            for task in tasks:
                task.cancel()
            self._pools.release(upstream, connection)

    async def tunnel(
        self, upstream: Upstream, request: Request, tunnel: Tunnel, send: Send, still: Still, *, private: bool
    ) -> None:
        """Open a WebSocket: byte for byte, so that pings, close codes, fragments and pauses are those of its two ends. Raises as `run`.

        An app that declines is answered for as to any other request.
        """
        connection = await self._pools.connection(upstream, fresh=True)
        tasks: list[asyncio.Future[None]] = []
        try:
            connection.ask("GET", request.upgrading(), self._seconds, whole=True, upgrade=True)
            answer = await connection.answer()
            if answer.status != 101:
                return await _bring(connection, answer, request, send, private=private)
            if (b"upgrade", b"websocket") not in [(name, value.lower()) for name, value in answer.headers]:
                raise BadAnswer("it switched to another protocol than it was asked to")
            switched = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]
            await tunnel.open([*switched, *headers.answer(answer, request, private=False)])
            tasks.append(asyncio.ensure_future(_send_on(tunnel, connection, self._seconds)))
            tasks.append(asyncio.ensure_future(guard(still, connection.abort)))
            while data := await connection.read():
                await tunnel.write(data)
        except (ConnectionError, Closed):
            if not tunnel.opened:
                raise
        finally:
            for task in tasks:
                task.cancel()
            self._pools.release(upstream, connection)
        return None

    async def _begin_body(
        self,
        connection: Connection,
        request: Request,
        receive: Receive,
        still: Still,
        tasks: list[asyncio.Future[None]],
    ) -> bool:
        """Send the head with the first of the body, and see to the rest. False: the client has gone."""
        try:
            async with asyncio.timeout(STALL_SECONDS):
                message = await receive()
        except TimeoutError:
            raise headers.Refused(f"Nothing of this request’s body came for {STALL_SECONDS:.0f} seconds.") from None
        if message["type"] == "http.disconnect":
            return False
        data, left, whole = _framed(message["body"], request.length, more=message.get("more_body", False))
        connection.ask(request.method, request.head + data, self._seconds, whole=whole)
        if whole:
            connection.slow = lambda: tasks.extend(_watched(connection, receive, still))
        else:
            tasks.append(asyncio.ensure_future(self._send_body(connection, left, receive)))
            connection.slow = lambda: tasks.append(asyncio.ensure_future(guard(still, connection.abort)))
        return True

    async def _send_body(self, connection: Connection, left: int | None, receive: Receive) -> None:
        whole = False
        while not whole:
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect":
                    return connection.abort()
                data, left, whole = _framed(message["body"], left, more=message.get("more_body", False))
            except (TimeoutError, headers.Refused):
                return connection.abort()
            await connection.write(data, self._seconds)
        connection.finish()
        return await _watch(connection, receive)


async def _send_on(tunnel: Tunnel, connection: Connection, seconds: float) -> None:
    try:
        while data := await tunnel.read():
            await connection.write(data, seconds)
    except ConnectionError:
        return connection.abort()
    return connection.end()


def _framed(data: bytes, left: int | None, *, more: bool) -> tuple[bytes, int | None, bool]:
    """A piece of a body as it goes over the line, the bytes that are left, and whether it was the last.

    Raises Refused where the body is not as long as was said: the app would take the next request for its rest.
    """
    if left is None:
        framed = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return framed if more else framed + b"0\r\n\r\n", None, not more
    left -= len(data)
    if left < 0 or (left and not more):
        raise headers.Refused("The body of this request is not as long as its Content-Length says.")
    return data, left, not left


def _watched(connection: Connection, receive: Receive, still: Still) -> list[asyncio.Future[None]]:
    """The tasks that look after a request which takes long."""
    return [asyncio.ensure_future(_watch(connection, receive)), asyncio.ensure_future(guard(still, connection.abort))]


async def guard(still: Still, abort: Callable[[], None]) -> None:
    """End what would outlast the right to see it."""
    try:
        while await still():  # noqa: ASYNC110 -- rights are asked for; nobody tells of all that ends them
            await asyncio.sleep(GUARD_SECONDS)
    except Exception:
        log.exception("it cannot be said who may see what")
    abort()


async def _watch(connection: Connection, receive: Receive) -> None:
    """End the request when its client has gone."""
    await gone_from(receive)
    connection.abort()


async def _bring(connection: Connection, answer: Answer, request: Request, send: Send, *, private: bool) -> None:
    """From here on something was sent: whatever fails now cuts the answer off."""
    try:
        await _brought(connection, answer, request, send, private=private)
    except ConnectionError:
        raise  # the client's
    except (Closed, BadAnswer) as error:
        log.info("an answer was cut off: %s", error)
    except Exception:
        log.exception("an answer was cut off")


async def _brought(connection: Connection, answer: Answer, request: Request, send: Send, *, private: bool) -> None:
    sent = headers.answer(answer, request, private=private)
    await send({"type": "http.response.start", "status": answer.status, "headers": sent})
    more = not connection.over
    if more and connection.waits:  # so that the head is not kept back until there is a body
        await send({"type": "http.response.body", "body": b"", "more_body": True})
    elif not more:
        return await send({"type": "http.response.body", "body": connection.take(), "more_body": False})
    while more:
        piece = await connection.read()
        more = not connection.over
        await send({"type": "http.response.body", "body": piece, "more_body": more})
    return None
