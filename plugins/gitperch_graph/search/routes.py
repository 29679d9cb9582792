"""Search over HTTP: lines of JSON, sent as they are found."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse

from gitperch.accounts.access import client_address
from gitperch.errors import BadRequest
from gitperch.events import RefsUpdated, RepositoryDeleted
from gitperch.routing import Route
from gitperch_graph.errors import Building, GraphUnreadable
from gitperch_graph.routes import still_building
from gitperch_graph.search.reach import Reaches
from gitperch_graph.search.texts import Texts
from gitperch_graph.search.turns import Turns
from gitperch_graph.views import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from gitperch.events import Event
    from gitperch.host import Host
    from gitperch_graph.search.answers import Search
    from gitperch_graph.store import Graphs

LIMIT = 200
LIMIT_AT_MOST = 1000
REST_SECONDS = 3.0  # pushes come in bursts


class SearchRoutes:
    def __init__(self, host: Host, graphs: Graphs) -> None:
        self._host = host
        self._graphs = graphs
        self._turns = Turns()
        self._reaches = Reaches()
        self.texts = Texts(host, host.folder("graph_texts"))

    def routes(self) -> list[Route]:
        return [Route("/api/repos/{owner}/{name}/graph/search", self.search, name="graph-search")]

    async def handle(self, event: Event) -> None:
        """Keep the texts up to date, in the background."""
        if isinstance(event, RepositoryDeleted):
            await self.texts.remove(event.repo_id)
        elif isinstance(event, RefsUpdated):
            self._host.tasks.start(f"graph texts of {event.repo_id}", functools.partial(self._keep_up, event.repo_id))

    async def _keep_up(self, repo_id: int) -> None:
        await asyncio.sleep(REST_SECONDS)
        while repo := await self._host.repositories.by_id(repo_id):
            try:
                index = await self._graphs.index(repo)
            except Building:
                await asyncio.sleep(REST_SECONDS)
            except GraphUnreadable:
                return  # whoever looks at it is told
            else:
                await self.texts.write(repo, index)
                return

    async def search(self, request: Request) -> Response:
        """`?q=QUERY&limit=N` and a view's parameters: what the query finds there, N commits of it with what a list shows."""
        from gitperch_graph.search.answers import Search  # late, as all that only a search needs
        from gitperch_graph.search.grammar import parsed

        viewer = await self._host.access.viewer(request)
        access = self._host.access
        repo = await access.repository(viewer, request.path_params["owner"], request.path_params["name"])
        text, limit = _text(request), _limit(request)
        view, client = View.of(request.query_params), client_address(request)
        try:
            whole = await self._graphs.index(repo)
            shown = whole if view.whole else await self._graphs.index(repo, view, client)
        except Building as building:
            return still_building(building)
        query = parsed(text, time.time())
        found = Search(self._host.git, self.texts, self._reaches, repo, whole, shown, view.name, query, limit, client)
        return _Answer(found, self._turns)


class _Answer(StreamingResponse):
    """The lines of a search, once it is its turn. It ends when the client goes, or takes nothing for `git.stall_seconds`. Raises Busy."""

    def __init__(self, search: Search, turns: Turns) -> None:
        super().__init__(_encoded(search), 200, {"cache-control": "no-store"}, "application/x-ndjson")
        self._turn = turns.turn(search.client)
        self._patience = search.git.settings.stall_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def taken(message: Message) -> None:
            async with asyncio.timeout(self._patience):
                await send(message)

        async with self._turn:
            with contextlib.suppress(TimeoutError):
                await super().__call__(scope, receive, taken)


async def _encoded(search: Search) -> AsyncIterator[bytes]:
    from gitperch_graph.search.answers import encoded

    async with aclosing(search.lines()) as lines:
        async for line in lines:
            yield line if isinstance(line, bytes) else encoded(line)


def _text(request: Request) -> str:
    from gitperch_graph.search.grammar import LONGEST

    text = request.query_params.get("q", "")
    if len(text) > LONGEST:
        raise BadRequest(f"A search takes {LONGEST} characters at most; this one has {len(text)}.", field="q")
    return text


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(LIMIT))
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > LIMIT_AT_MOST:
        raise BadRequest(f"limit has to be a whole number from 0 to {LIMIT_AT_MOST}.", field="limit")
    return int(text[:9])
