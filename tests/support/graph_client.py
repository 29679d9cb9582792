"""Somebody who looks at a graph over HTTP, pushes, and hears what is told."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.repositories import importing
from gitperch_graph.events import GraphChanged
from support.server import Answer, git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.events import Event
    from gitperch.repositories import Repository
    from support.house import House


@dataclass
class Client:
    """Alice, who looks at one repository and pushes to it."""

    it: House
    repo: Repository
    token: str

    @classmethod
    async def of(cls, it: House, source: Path | None = None, **options: Any) -> Client:
        repo = await it.repository(**options)
        if source:
            await importing.fill(it.host.git, repo, source)
            await it.host.refs.observe(repo, source="import")
        return cls(it, repo, await it.token())

    async def answer(self, path: str = "", **headers: str) -> Answer:
        """The graph's answer; `headers` with underscores for dashes."""
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        address = f"{self.it.url}/api/repos/{self.repo.full_name}/graph{path}"
        request = urllib.request.Request(address, headers={name: value for name, value in sent.items() if value})
        return await asyncio.to_thread(_ask, request)

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

    async def push(self, work: Path, *refspecs: str) -> None:
        address = f"http://alice:{self.token}@127.0.0.1:{self.it.port}/{self.repo.full_name}.git"
        done = await asyncio.to_thread(git, "push", "--quiet", "--force", address, *refspecs, cwd=work)
        assert done.returncode == 0, done.stderr


def _ask(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


class News:
    """What is told, in order."""

    def __init__(self, it: House) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        it.host.events.listen(self._queue.put_nowait)

    async def next(self) -> GraphChanged:
        async with asyncio.timeout(20):
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
