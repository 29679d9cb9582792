"""Small questions that a page asks while somebody types or walks: which refs have this in their names, where edges and branches lead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitperch.accounts.access import client_address
from gitperch.errors import BadRequest, NotFound
from gitperch.routing import Route
from gitperch_graph import kin, ref_names, runs
from gitperch_graph.commits import parsed
from gitperch_graph.errors import Building
from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.objects import Read
    from gitperch_graph.refs import Ref
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.store import Graphs

REFS = 60
_TEXT_LIMIT = 200  # characters; no name of a ref that somebody types is longer
_HEADERS = {"cache-control": "private, no-cache", "vary": "authorization, cookie"}
_HEX = frozenset("0123456789abcdef")


class Lookups:
    def __init__(self, host: Host, graphs: Graphs) -> None:
        self._host = host
        self._graphs = graphs

    def routes(self) -> list[Route]:
        return [
            Route("/api/repos/{owner}/{name}/graph/names", self.names, name="graph-names"),
            Route("/api/repos/{owner}/{name}/graph/kin", self.kin, name="graph-kin"),
            Route("/api/repos/{owner}/{name}/graph/run", self.run, name="graph-run"),
        ]

    async def names(self, request: Request) -> Response:
        """`?q=TEXT`: the branches and tags that have it in their names, the likeliest first."""
        _, index = await self._opened(request)
        if index is None:
            return _building()
        text = request.query_params.get("q", "")
        if len(text) > _TEXT_LIMIT:
            raise BadRequest(f"q may have {_TEXT_LIMIT} characters; shorten it.", field="q")
        found = await asyncio.to_thread(ref_names.matching, index, text, REFS)
        top = index.total - 1

        def told(ref: Ref) -> dict[str, Any]:
            return {"name": ref.name, "oid": index.oid(ref.height), "row": top - ref.height}

        refs = [told(ref) for ref in found.refs]
        return _answer({"generation": index.generation, "refs": refs, "count": found.count, "more": found.more})

    async def kin(self, request: Request) -> Response:
        """`?oid=OID`: the parents and children of a commit."""
        repo, index = await self._opened(request)
        if index is None:
            return _building()
        height = _height(request, index)
        parents = kin.parents(index, height)
        children, more = await asyncio.to_thread(kin.children, index, height)
        told = await self._told(repo, index, [*parents, *children])
        cut = len(parents)
        return _answer({"generation": index.generation, "parents": told[:cut], "children": told[cut:], "more": more})

    async def run(self, request: Request) -> Response:
        """`?oid=OID`: where the branch that a commit is on begins and ends, as it is drawn."""
        _, index = await self._opened(request)
        if index is None:
            return _building()
        found = await asyncio.to_thread(runs.run, index, _height(request, index))
        top = index.total - 1
        base = None if found.base is None else top - found.base
        rows = {"first": top - found.high, "last": top - found.low, "base": base}
        return _answer({"generation": index.generation, "lane": found.lane} | rows)

    async def _told(self, repo: Repository, index: RowIndex, heights: Sequence[int]) -> list[dict[str, Any]]:
        git = self._host.git
        if libgit2_knows(repo.path):
            return await git.read(repo.path, _described_by_libgit2, index, heights)
        return _described(index, heights, await fetched(git, repo.path, [index.oid(height) for height in heights]))

    async def _opened(self, request: Request) -> tuple[Repository, RowIndex | None]:
        """The repository, and its index unless that is being built."""
        viewer = await self._host.access.viewer(request)
        repo = await self._host.access.repository(viewer, request.path_params["owner"], request.path_params["name"])
        try:
            view = View.of(request.query_params)
            return repo, await self._graphs.index(repo, view, client_address(request))
        except Building:
            return repo, None


def _height(request: Request, index: RowIndex) -> int:
    """Of the commit that `?oid=` means."""
    oid = request.query_params.get("oid", "").lower()
    if not 4 <= len(oid) <= 64 or not _HEX.issuperset(oid):
        raise BadRequest("oid has to be at least four digits of a commit's oid, in hex.", field="oid")
    heights = index.find(oid)
    if len(heights) != 1:
        raise NotFound(
            f"There is no commit {oid} in this graph, or several begin like this; give all of its oid.", field="oid"
        )
    return heights[0]


def _described_by_libgit2(
    repository: LibgitRepository, index: RowIndex, heights: Sequence[int]
) -> list[dict[str, Any]]:
    return _described(index, heights, reader(repository))


def _described(index: RowIndex, heights: Sequence[int], read: Read) -> list[dict[str, Any]]:
    found = []
    for height in heights:
        oid = index.oid(height)
        one: dict[str, Any] = {"row": index.total - 1 - height, "oid": oid, "author": "", "time": 0, "subject": ""}
        try:
            commit = parsed(read(oid)[1])
        except KeyError:
            pass  # its place in the history is known all the same
        else:
            one |= {"author": commit.author, "time": commit.time, "subject": commit.subject}
        found.append(one)
    return found


def _answer(content: dict[str, Any]) -> Response:
    return JSONResponse(content, headers=_HEADERS)


def _building() -> Response:
    return JSONResponse({"building": True}, 202, {"cache-control": "no-store", "retry-after": "1"})
