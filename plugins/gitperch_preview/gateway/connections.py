"""Connections to apps: HTTP/1.1, one request at a time, kept for the next one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.errors import Busy
from gitperch_preview.gateway import heads
from gitperch_preview.gateway.heads import Answer, BadAnswer, Body
from gitperch_preview.reaching import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitperch_preview.contract import Upstream

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 4.0  # Node closes after 5; a connection that is closed while we write to it costs a second try
KEPT, OPEN = 64, 512  # for each app
WATCH_SECONDS = 1.0  # a request that lasts longer is watched for its client's leaving
_HELD = 256 << 10  # bytes of a body; no more is read until somebody takes them
_HINTS = 20  # 1xx answers before the one that counts


class Closed(Exception):
    """The connection ended before the answer did. `unheard`: nothing of the answer had come."""

    def __init__(self, *, unheard: bool) -> None:
        super().__init__("it closed the connection before its answer was whole")
        self.unheard = unheard


class Unreachable(Exception):
    """The app takes no connection, or it is not the app that does."""

    def __init__(self) -> None:
        super().__init__("it does not take connections")


class Late(Exception):
    """The app did not begin to answer in time."""

    def __init__(self) -> None:
        super().__init__("it did not begin to answer in time")


class Connection(asyncio.Protocol):
    """`ask`, then `answer()`, then `read()` until `over`, then `Pools.release`."""

    def __init__(self, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._writable: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._failure: Exception | None = None
        self.used = False
        """Whether an answer has come over it before."""
        self.since = loop.time()
        """When it was asked, or was last of use."""
        self.deadline = 0.0
        """When the answer has to have begun; 0: nothing is waited for."""
        self.slow: Callable[[], None] | None = None
        """Called once when the request has lasted `WATCH_SECONDS`."""
        self._reset("")

    def _reset(self, method: str) -> None:
        self._method = method
        self._answer: Answer | None = None
        self._body: Body | None = None
        self._head = b""
        self._hints = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._heard = False
        self._sent = True
        self._upgrade = False

    # What the one who asks does.

    def ask(self, method: str, head: bytes, deadline: float, *, whole: bool, upgrade: bool = False) -> None:
        """Send a request's head, with its body if that is `whole`; else `write` and `finish` follow.

        With `upgrade`, an answer of 101 makes what is read and written from then on the other protocol's, until an end.
        """
        self._reset(method)
        self._upgrade = upgrade
        self._sent = whole
        self.since = self._loop.time()
        self.deadline = self.since + deadline
        if self._transport:
            self._transport.write(head)

    async def write(self, data: bytes, seconds: float) -> None:
        """Send more of the body. Returns when there is room for more; the answer has `seconds` from then on."""
        if self._failure or not self._transport:
            return
        self._transport.write(data)
        if self._writable:
            await self._writable
        if self.deadline:
            self.deadline = self._loop.time() + seconds

    def finish(self) -> None:
        """The request is whole."""
        self._sent = True

    async def answer(self) -> Answer:
        """The answer's head. Raises Closed, Late, BadAnswer."""
        while not self._answer:
            await self._news()
        return self._answer

    async def read(self) -> bytes:
        """More of the body; b"" at its end. Raises Closed, BadAnswer."""
        while not self._pieces:
            if self.over:
                return b""
            await self._news()
        return self.take()

    def take(self) -> bytes:
        """What of the body is here."""
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces, self._size = [], 0
        if self._paused and self._transport:
            self._paused = False
            self._transport.resume_reading()
        return piece

    @property
    def over(self) -> bool:
        """Whether all of the answer is here, and what is left of it in the next `take`."""
        return self._body is not None and self._body.over

    @property
    def waits(self) -> bool:
        """Whether there is nothing to `take` yet."""
        return not self._pieces

    @property
    def usable(self) -> bool:
        """Whether it may be asked: it can have been ended without having heard of it yet."""
        return bool(self._transport and not self._transport.is_closing() and not self._failure)

    @property
    def lasting(self) -> bool:
        """Whether another request may go over it."""
        answer, body = self._answer, self._body
        return bool(self.usable and answer and answer.lasting and self._sent and body and body.over and not body.rest)

    def rest(self) -> None:
        """Wait for the next request."""
        self._method, self.used, self.since, self.deadline, self.slow = "", True, self._loop.time(), 0.0, None

    def end(self) -> None:
        """Nothing more is written; what was, arrives."""
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        self.slow = None
        if self._transport:
            self._transport.abort()
        self._fail(Closed(unheard=not self._heard))

    def too_late(self) -> None:
        self._fail(Late())

    async def _news(self) -> None:
        if self._failure:
            raise self._failure
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self.deadline = 0.0
        self._wake()
        if self._writable and not self._writable.done():
            self._writable.set_result(None)

    # What the event loop does.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- as create_connection makes them
        self._transport = transport
        self._pool.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._pool.lost(self)
        # What we have ended ourselves is not whole, even where only its end says how long it is.
        ended = exc is None and not self._failure and self._body is not None and self._body.end()
        if not self.over and not ended:
            self._fail(Closed(unheard=not self._heard))
        self._failure = self._failure or Closed(unheard=False)
        self._wake()
        if self._writable and not self._writable.done():
            self._writable.set_result(None)

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._writable and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def data_received(self, data: bytes) -> None:
        if not self._method or self.over:
            self._surplus()
            return
        self._heard = True
        try:
            if self._body is None:
                data = self._take_head(data)
            if self._body is not None:
                self._take_body(self._body, data)
        except BadAnswer as error:
            self._fail(error)
            if self._transport:
                self._transport.abort()

    def _surplus(self) -> None:
        """It speaks without having been asked: nobody knows what that would be an answer to."""
        self._failure = self._failure or BadAnswer("it sent more than it was asked for")
        if self._transport:
            self._transport.abort()

    def _take_head(self, data: bytes) -> bytes:
        """What follows the head, if that has come."""
        start = max(len(self._head) - 3, 0)
        data = self._head + data
        while (end := data.find(b"\r\n\r\n", start) + 4) >= 4:
            if end > heads.LONGEST:
                break
            answer = heads.parsed(data[:end], self._method)
            data, start = data[end:], 0
            if answer.status == 101:
                if not self._upgrade:
                    raise BadAnswer("it switched to another protocol without being asked to")
                answer.length = None
            if answer.status >= 200 or answer.status == 101:
                self._answer, self._body, self._head, self.deadline = answer, Body(answer), b"", 0.0
                self._wake()
                return data
            self._hints += 1
            if self._hints > _HINTS:
                raise BadAnswer("it gave one 1xx answer after the other")
        if len(data) > heads.LONGEST:
            raise BadAnswer("the head of its answer is too long")
        self._head = data
        return b""

    def _take_body(self, body: Body, data: bytes) -> None:
        piece = body.taken(data) if data else b""
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > _HELD and not self._paused and not body.over and self._transport:
                self._paused = True
                self._transport.pause_reading()
        if piece or body.over:
            self._wake()


class Pool:
    """The connections to one app."""

    def __init__(self) -> None:
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []
        self.coming = 0

    def lost(self, connection: Connection) -> None:
        self.open.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)


class Pools:
    """The connections to all apps. One look each second ends what idles or is late, as long as there is any."""

    def __init__(self) -> None:
        self._pools: dict[Upstream, Pool] = {}
        self._looking = False

    async def connection(self, upstream: Upstream, *, fresh: bool) -> Connection:
        """A connection to `upstream`, a kept one unless `fresh`. Raises Unreachable, and Busy above `OPEN` of them."""
        pool = self._pools.get(upstream)
        if pool is None:
            pool = self._pools[upstream] = Pool()
        while not fresh and pool.idle:
            kept = pool.idle.pop()
            if kept.usable:
                return kept
        if len(pool.open) + pool.coming >= OPEN:
            raise Busy(f"This preview is answering {OPEN} requests at this moment. Try again shortly.")
        loop = asyncio.get_running_loop()
        self._look(loop)
        pool.coming += 1
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, made = await connected(upstream, lambda: Connection(pool, loop))
        except OSError:  # TimeoutError is one
            raise Unreachable from None
        finally:
            pool.coming -= 1
        return made

    def release(self, upstream: Upstream, connection: Connection) -> None:
        """Done with it, whatever came of it."""
        pool = self._pools.get(upstream)
        if connection.lasting and pool and len(pool.idle) < KEPT:
            connection.rest()
            pool.idle.append(connection)
        else:
            connection.abort()

    def close(self) -> None:
        for pool in self._pools.values():
            for connection in list(pool.open):
                connection.abort()
        self._pools.clear()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._looking:
            self._looking = True
            loop.call_later(WATCH_SECONDS, self._looked, loop)

    def _looked(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking, now = False, loop.time()
        for upstream, pool in list(self._pools.items()):
            for connection in [c for c in pool.idle if c.since + IDLE_SECONDS < now]:
                pool.idle.remove(connection)
                connection.abort()
            for connection in list(pool.open):
                if connection.deadline and connection.deadline < now:
                    connection.too_late()
                elif connection.slow and connection.since + WATCH_SECONDS < now:
                    slow, connection.slow = connection.slow, None
                    slow()
            if not pool.open and not pool.coming:
                del self._pools[upstream]
        if self._pools:
            self._look(loop)
