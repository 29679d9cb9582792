"""The graph over HTTP: windows, and the refs to filter by."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch.errors import BadRequest, NotFound
from gitperch.routing import Route
from gitperch_graph import windows
from gitperch_graph.errors import Building, GraphUnreadable
from gitperch_graph.objects import PackedReader, fetched, libgit2_knows, reader
from gitperch_graph.recent import Recent
from gitperch_graph.views import View
from gitperch_graph.warm import Warm

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.objects import Read
    from gitperch_graph.packs import Packs
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.store import Graphs
    from gitperch_graph.windows import Place

ROWS = 200
ROWS_AT_MOST = 1000
FIRST_ROWS = 64  # of a page; a large screen shows forty
_WORTH_GZIP = 1400  # bytes; less fits into one packet anyway
_RECENT_BYTES = 1 << 20
_GZIP_LEVEL = 2  # history is text: four fifths are gone at once, and a higher level costs more than the wire


class GraphRoutes:
    def __init__(self, host: Host, graphs: Graphs) -> None:
        self._host = host
        self._graphs = graphs
        self._recent = Recent(_RECENT_BYTES)
        self._warm = Warm()

    def routes(self) -> list[Route]:
        return [
            Route("/api/repos/{owner}/{name}/graph", self.window, name="graph-window"),
            Route("/api/repos/{owner}/{name}/graph/refs", self.refs, name="graph-refs"),
            Route("/api/repos/{owner}/{name}/graph/outline", self.outline, name="graph-outline"),
        ]

    async def window(self, request: Request) -> Response:
        """`?at=ROW|ref|oid&rows=N`: N rows from a row on, or around a ref's or an oid's."""
        repo = await self._repository(request)
        at = request.query_params.get("at", "0")
        rows = _number(request, "rows", ROWS, ROWS_AT_MOST)
        view = View.of(request.query_params)
        try:
            index = await self._graphs.index(repo, view, client_address(request), eager=at == "0" and view.whole)
        except Building as building:
            first = await self._first_rows(repo, building, rows) if at == "0" and view.whole else {}
            return still_building(building, first, packed=_takes_gzip(request))
        where = _place(index, at, rows)
        tag = _tag(index.generation, "window", at, str(rows), view.name)
        if _is_known(request, tag):
            return Response(status_code=304, headers=_headers(tag))
        wants_gzip = _takes_gzip(request)
        found = self._recent.get((repo.id, tag, wants_gzip))
        if not found:
            found = await self._window_body(repo, index, _Asked(where, rows, view.name, wants_gzip))
            self._recent.keep((repo.id, tag, wants_gzip), found)
        return _answer(*found, tag)

    async def first(self, repo: Repository) -> str | None:
        """The window that a page begins with, a screen of rows from the top; None while it would have to wait."""
        try:
            index = await self._graphs.index(repo, eager=True)
        except (Building, GraphUnreadable):
            return None
        asked = _Asked(windows.Place(0), FIRST_ROWS, "", packed=False)
        tag = _tag(index.generation, "window", "0", str(FIRST_ROWS), "")
        found = self._recent.get((repo.id, tag, False))
        if not found:
            found = await self._window_body(repo, index, asked)
            self._recent.keep((repo.id, tag, False), found)
        return found[0].decode()

    async def _window_body(self, repo: Repository, index: RowIndex, asked: _Asked) -> tuple[bytes, bool]:
        git = self._host.git
        if libgit2_knows(repo.path):
            packs = self._warm.keep(repo.path, index)
            return await git.read(repo.path, _window_by_libgit2, index, asked, packs)
        read = await fetched(git, repo.path, windows.oids(index, asked.where, asked.rows))
        return await asyncio.to_thread(_window, index, asked, read)

    async def _first_rows(self, repo: Repository, building: Building, rows: int) -> dict[str, Any]:
        """The newest rows of a graph that is built for the first time, as a window has them; nothing where that would take long, too."""
        found = await building.build.newest() if building.build else None
        if not found:
            return {}
        index, total = found
        where, rows = windows.Place(0), min(rows, total)
        if libgit2_knows(repo.path):
            answer = await self._host.git.read(repo.path, _newest_by_libgit2, index, rows)
        else:
            read = await fetched(self._host.git, repo.path, windows.oids(index, where, rows))
            answer = await asyncio.to_thread(windows.window, index, where, rows, read)
        return answer | {"total": total}

    async def refs(self, request: Request) -> Response:
        """Every branch and tag with its commit's oid and row."""
        repo = await self._repository(request)
        view = View.of(request.query_params)
        try:
            index = await self._graphs.index(repo, view, client_address(request))
        except Building as building:
            return still_building(building)
        tag = _tag(index.generation, "refs", view.name)
        if _is_known(request, tag):
            return Response(status_code=304, headers=_headers(tag))
        # A hundred thousand refs take half a second.
        body, packed = await asyncio.to_thread(lambda: _encoded(windows.listing(index), _takes_gzip(request)))
        return _answer(body, packed, tag)

    async def outline(self, request: Request) -> Response:
        """`?points=N`: when the commits of N evenly spaced rows were made, for a map of the whole."""
        repo = await self._repository(request)
        points = _number(request, "points", windows.POINTS, windows.POINTS_AT_MOST)
        view = View.of(request.query_params)
        try:
            index = await self._graphs.index(repo, view, client_address(request))
        except Building as building:
            return still_building(building)
        tag = _tag(index.generation, "outline", str(points), view.name)
        if _is_known(request, tag):
            return Response(status_code=304, headers=_headers(tag))
        body, packed = await asyncio.to_thread(lambda: _encoded(windows.outline(index, points), _takes_gzip(request)))
        return _answer(body, packed, tag)

    async def _repository(self, request: Request) -> Repository:
        viewer = await self._host.access.viewer(request)
        return await self._host.access.repository(viewer, request.path_params["owner"], request.path_params["name"])


@dataclass(frozen=True)
class _Asked:
    """A window of a view, "" for the whole graph."""

    where: Place
    rows: int
    view: str
    packed: bool


def _number(request: Request, name: str, usual: int, most: int) -> int:
    text = request.query_params.get(name, str(usual))
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= most:
        raise BadRequest(f"{name} has to be a whole number from 1 to {most}.", field=name)
    return int(text[:9])


def _place(index: RowIndex, at: str, rows: int) -> Place:
    try:
        return windows.place(index, at, rows)
    except windows.SeveralThere:
        raise BadRequest(f"More than one commit begins with {at}; give more of its oid.", field="at") from None
    except windows.NothingThere:
        raise NotFound(
            f"There is no branch, tag or commit {at[:120]!r} in this graph; give a row number, a ref or at least four digits of an oid.",
            field="at",
        ) from None


def _window_by_libgit2(
    repository: LibgitRepository, index: RowIndex, asked: _Asked, packs: Packs | None
) -> tuple[bytes, bool]:
    return _window(index, asked, PackedReader(repository, packs) if packs else reader(repository))


def _newest_by_libgit2(repository: LibgitRepository, index: RowIndex, rows: int) -> dict[str, Any]:
    return windows.window(index, windows.Place(0), rows, reader(repository))


def _window(index: RowIndex, asked: _Asked, read: Read) -> tuple[bytes, bool]:
    return _packed(windows.encoded(index, asked.where, asked.rows, read, asked.view), asked.packed)


def _encoded(answer: dict[str, Any], packed: bool) -> tuple[bytes, bool]:
    """JSON, and whether it came out packed."""
    return _packed(json.dumps(answer, ensure_ascii=False, separators=(",", ":")), packed)


def _packed(text: str, packed: bool) -> tuple[bytes, bool]:
    # Names of refs may hold bytes that are no text; nobody is served by failing on them.
    body = text.encode("utf-8", "replace")
    if packed and len(body) >= _WORTH_GZIP:
        return gzip.compress(body, _GZIP_LEVEL, mtime=0), True
    return body, False


def _takes_gzip(request: Request) -> bool:
    for offer in request.headers.get("accept-encoding", "").split(","):
        coding, _, quality = offer.partition(";")
        if coding.strip().lower() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _tag(*parts: str) -> str:
    """Weak: the same rows, packed or not."""
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12)
    return f'W/"{digest.hexdigest()}"'


def _is_known(request: Request, tag: str) -> bool:
    given = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
    return "*" in given or tag in given or tag.removeprefix("W/") in given


def _headers(tag: str) -> dict[str, str]:
    return {"etag": tag, "cache-control": "private, no-cache", "vary": "accept-encoding, authorization, cookie"}


def _answer(body: bytes, packed: bool, tag: str) -> Response:
    headers = _headers(tag) | ({"content-encoding": "gzip"} if packed else {})
    return Response(body, media_type="application/json", headers=headers)


def still_building(building: Building, first: dict[str, Any] | None = None, *, packed: bool = False) -> Response:
    """The answer while there is nothing to answer from yet, or only the `first` rows."""
    is_reading = building.build is not None and building.build.is_reading
    told = {
        "building": True,
        "doing": "reading" if is_reading else "layout",
        "progress": round(building.progress, 2),
        "commits": building.commits,
    }
    body, packed = _encoded((first or {}) | told, packed)
    headers = {"cache-control": "no-store", "retry-after": "1", "vary": "accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(body, 202, headers, "application/json")
