"""Somebody who looks at a graph over HTTP, pushes, and hears what is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gitperch_graph.events import GraphChanged
from support.member import Member

if TYPE_CHECKING:
    from gitperch.events import Event
    from support.house import House
    from support.server import Answer


class Client(Member):
    """Alice, who looks at the graph of one repository."""

    async def answer(self, path: str = "", **headers: str) -> Answer:
        """The graph's answer; `headers` with underscores for dashes."""
        return await self.ask(f"/api/repos/{self.repo.full_name}/graph{path}", **headers)

    async def graph(self, path: str = "") -> dict[str, Any]:
        answer = await self.answer(path)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def whole(self) -> dict[str, Any]:
        """Every row, asked for window by window."""
        graph = await self.graph("?rows=1000")
        while len(graph["rows"]) < graph["total"]:
            graph["rows"] += (await self.graph(f"?rows=1000&at={len(graph['rows'])}"))["rows"]
        return graph


class News:
    """What is told, in order."""

    def __init__(self, it: House) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        it.host.events.listen(self._queue.put_nowait)

    async def next(self) -> GraphChanged:
        async with asyncio.timeout(60):
            while True:
                event = await self._queue.get()
                if isinstance(event, GraphChanged):
                    return event

    async def silence(self, seconds: float = 0.3) -> None:
        try:
            async with asyncio.timeout(seconds):
                news = await self.next()
        except TimeoutError:
            return
        raise AssertionError(news)
