"""Connections to apps: how many, for how long, and when they are not used again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.errors import Busy
from gitperch_preview.contract import Upstream
from gitperch_preview.gateway import connections, exchange
from gitperch_preview.gateway.connections import Late, Pools, Unreachable
from gitperch_preview.gateway.headers import Refused, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from starlette.types import Message

Work = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
GET = Request(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "GET", 0, b"a")
POST = Request(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n", "POST", 4, b"a")


@asynccontextmanager
async def listening(work: Work) -> AsyncIterator[Upstream]:
    async def closed_in_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await work(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(closed_in_the_end, "127.0.0.1", 0) as server:
        yield Upstream("127.0.0.1", server.sockets[0].getsockname()[1])


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        while (await reader.readline()) not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def still() -> bool:
    return True


async def nothing() -> Message:
    await asyncio.sleep(60)
    raise AssertionError


class Client:
    """What is sent to it."""

    def __init__(self) -> None:
        self.body = b""

    async def send(self, message: Any) -> None:
        self.body += message.get("body", b"")


def run(test: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await test
            await asyncio.sleep(0.1)  # for the other ends

    asyncio.run(bounded())


async def ask(pools: Pools, upstream: Upstream, request: Request = GET, *, seconds: float = 5.0) -> bytes:
    client = Client()
    await exchange.Exchange(pools, seconds).run(upstream, request, nothing, client.send, still, private=False)
    return client.body


def kept(pools: Pools) -> int:
    return sum(len(pool.open) for pool in pools._pools.values())


def test_an_idle_connection_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(connections, "WATCH_SECONDS", 0.05)

    async def test() -> None:
        pools = Pools()
        async with listening(answering) as upstream:
            assert await ask(pools, upstream) == b"ok"
            assert kept(pools) == 1
            await asyncio.sleep(0.4)
            assert pools._pools == {}
            assert await ask(pools, upstream) == b"ok"
            pools.close()

    run(test())


def test_an_app_that_is_asked_too_much_at_once_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "OPEN", 3)

    async def test() -> None:
        pools = Pools()
        async with listening(silent) as upstream:
            waiting = [asyncio.ensure_future(ask(pools, upstream, seconds=1.0)) for _ in range(3)]
            await asyncio.sleep(0.2)
            with pytest.raises(Busy):
                await ask(pools, upstream)
            late = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(outcome, Late) for outcome in late)
            await asyncio.sleep(0.05)
            assert kept(pools) == 0

    run(test())


def test_a_body_that_stops_coming_ends_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 21: who sends nothing does not keep a place for ever."""
    monkeypatch.setattr(exchange, "STALL_SECONDS", 0.1)

    async def test() -> None:
        pools = Pools()
        async with listening(silent) as upstream:
            with pytest.raises(Refused):
                await ask(pools, upstream, POST)
            await asyncio.sleep(0.05)
            assert kept(pools) == 0

    run(test())


def test_who_is_not_let_in_any_more_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(exchange, "GUARD_SECONDS", 0.05)
    may = [True]

    async def streaming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\ndata")
        await reader.read()

    async def still() -> bool:
        return may[0]

    async def test() -> None:
        pools, client = Pools(), Client()
        async with listening(streaming) as upstream:
            run_ = exchange.Exchange(pools, 5).run(upstream, GET, nothing, client.send, still, private=True)
            task = asyncio.ensure_future(run_)
            await asyncio.sleep(0.4)
            assert client.body == b"data"
            assert not task.done()
            may[0] = False
            await asyncio.wait_for(task, 2)
            await asyncio.sleep(0.05)
            assert kept(pools) == 0

    run(test())


def test_nobody_listens() -> None:
    async def test() -> None:
        async with listening(silent) as upstream:
            pass
        with pytest.raises(Unreachable):
            await ask(Pools(), upstream)

    run(test())


def test_a_connection_that_ends_while_it_rests_is_not_used() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def test() -> None:
        pools = Pools()
        async with listening(once) as upstream:
            for _ in range(20):
                assert await ask(pools, upstream) == b"ok"
            await asyncio.sleep(0.05)
            assert kept(pools) == 0

    run(test())
