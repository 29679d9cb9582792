"""The application in this process, on a real port: for tests that have to reach inside while a client looks on."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypercorn.asyncio import serve
from hypercorn.config import Config as HypercornConfig

from gitperch import plugins
from gitperch.accounts import passwords
from gitperch.app import create_app
from gitperch.config import load
from gitperch.plugins import Plugins
from support.server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import pytest

    from gitperch.host import Host
    from gitperch.repositories import Repository


@dataclass
class House:
    """A running application with `alice`, an administrator, and `bob`, who is nobody in particular."""

    host: Host
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def repository(self, name: str = "thing", *, private: bool = True) -> Repository:
        owner = await self.host.people.find("alice")
        assert owner
        return await self.host.repositories.create(owner, name, private=private)

    async def token(self, user: str = "alice") -> str:
        person = await self.host.people.find(user)
        assert person
        return await self.host.tokens.add(person, "test")


@asynccontextmanager
async def house(
    data: Path, monkeypatch: pytest.MonkeyPatch, *in_tree: str, settings: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    """Run the application with only the plugins `in_tree` (`package:Class`). `settings` are variables, as in the environment."""
    monkeypatch.setattr(plugins, "IN_TREE", in_tree)
    hosts: list[Host] = []

    async def remember(self: Plugins, host: Host) -> list[Any]:
        hosts.append(host)
        return await started(self, host)

    started = Plugins.start
    monkeypatch.setattr(Plugins, "start", remember)
    monkeypatch.setattr(
        passwords, "_N", 1 << 10
    )  # there are hundreds of houses, and nobody is let into theirs by guessing
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    data.mkdir(exist_ok=True)
    ready, stop = asyncio.Event(), asyncio.Event()
    app = create_app(load({"data": data, "listen": f"127.0.0.1:{port}"}, settings or {}), lambda _: ready.set())
    serving_as = HypercornConfig()
    serving_as.bind = [f"fd://{listener.detach()}"]
    serving_as.loglevel = "ERROR"
    serving_as.graceful_timeout = 1.0

    async def stopped() -> None:
        await stop.wait()

    serving = asyncio.create_task(serve(app, serving_as, shutdown_trigger=stopped))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(60):
            await asyncio.wait([serving, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), "the application did not start"
        for name, is_admin in (("alice", True), ("bob", False)):
            await hosts[0].people.add(name, PASSWORD, is_admin=is_admin)
        yield House(hosts[0], port)
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(serving, return_exceptions=True)


Test = Callable[[House], Coroutine[Any, Any, None]]


def runner(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    *in_tree: str,
    seconds: float = 120,
    settings: Mapping[str, str] | None = None,
) -> Callable[[Test], None]:
    """What runs a test inside a house of its own."""

    def run(test: Test) -> None:
        async def inside() -> None:
            async with house(data, monkeypatch, *in_tree, settings=settings) as it, asyncio.timeout(seconds):
                await test(it)

        try:
            asyncio.run(inside())
        finally:
            if sys.version_info < (3, 12):
                # The server made the child watcher one of this loop's, which is closed now.
                asyncio.set_event_loop_policy(None)

    return run
