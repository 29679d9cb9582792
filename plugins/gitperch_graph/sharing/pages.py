"""`/owner/name/graph.svg` and `/owner/name/graph/embed`: what other people's pages may show, of public repositories only.

Nobody is asked who they are: an image is fetched by a proxy, a frame has no cookies. So whatever these say is the same for all.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import time
from typing import TYPE_CHECKING

from markupsafe import Markup
from starlette.responses import Response

from gitperch.errors import BadRequest, NotFound
from gitperch.routing import Route
from gitperch_graph.errors import Building
from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.recent import Recent
from gitperch_graph.sharing import picture as pictures
from gitperch_graph.sharing.lines import Grid, drawing, hue
from gitperch_graph.sharing.svg import THEMES, Frame, policy, short, svg

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.sharing.picture import Choice, Picture
    from gitperch_graph.store import Graphs

ROWS, ROWS_AT_MOST = 30, 200
NARROWEST, WIDTH, WIDEST = 320, 800, 1600
MAX_AGE = 300  # seconds; what proxies keep is so much behind
_REFS = 8
_AGES = 600.0  # seconds for which "3 minutes ago" may stay as it is
_LANES, _ROW, _CHIPS = 8, 32, 2
_EMBED_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors *"
)
_KINDS = {"refs/heads/": "heads", "refs/tags/": "tags", "refs/stashes/": "stash"}
_KEPT_BYTES = 1 << 20


class SharedPages:
    def __init__(self, host: Host, graphs: Graphs) -> None:
        self._host = host
        self._graphs = graphs
        self._kept = Recent(_KEPT_BYTES)

    def routes(self) -> list[Route]:
        return [
            Route("/{owner}/{name}/graph.svg", self.image, name="graph-svg"),
            Route("/{owner}/{name}/graph/embed", self.embed, name="graph-embed"),
        ]

    async def image(self, request: Request) -> Response:
        """`?rows=30&ref=&theme=auto|light|dark&width=800&dates=absolute|relative`: the newest commits as an SVG."""
        rows, theme, refs = (
            _number(request, "rows", ROWS, 1, ROWS_AT_MOST),
            _one_of(request, "theme", THEMES),
            _refs(request),
        )
        width = _number(request, "width", WIDTH, NARROWEST, WIDEST)
        relative = _one_of(request, "dates", ("absolute", "relative")) == "relative"
        repo = await self._public(request)
        if not repo:
            raise NotFound(
                f"There is no public repository {request.path_params['owner']}/{request.path_params['name']} here."
            )
        now = time.time() // _AGES * _AGES if relative else None

        def draw(picture: Picture, total: int) -> str:
            aside = f"{total:,} commit{'' if total == 1 else 's'}" if not refs else ", ".join(map(short, refs))
            return svg(picture, Frame(repo.full_name, aside, theme, width, now))

        headers = {"content-security-policy": policy(theme), "content-type": "image/svg+xml; charset=utf-8"}
        try:
            index = await self._graphs.index(repo)
        except Building:
            wait = Frame(repo.full_name, "The graph is being drawn; it will be here in a moment", theme, width)
            return Response(
                svg(pictures.Picture((), 0, "", False), wait), 200, headers | _HEADERS | {"cache-control": "no-store"}
            )
        choice = _chosen(index, refs, rows)
        key = _tag(repo.full_name, index.generation, "svg", repr((rows, refs, theme, width, now)))
        return await self._answer(request, repo, index, choice, key, draw, headers)

    async def embed(self, request: Request) -> Response:
        """`?rows=30&ref=&theme=auto|light|dark`: a page for a frame on any site, which follows what is pushed."""
        rows, theme, refs = (
            _number(request, "rows", ROWS, 1, ROWS_AT_MOST),
            _one_of(request, "theme", THEMES),
            _refs(request),
        )
        repo = await self._public(request)
        context: dict[str, Any] = {
            "theme": "" if theme == "auto" else theme,
            "full_name": repo.full_name if repo else "",
            "viewer": None,
        }
        headers = {"content-security-policy": _EMBED_POLICY, "content-type": "text/html; charset=utf-8"}
        render = self._host.templates.render
        if not repo:
            return Response(
                render("graph_embed.html", context), 404, headers | _HEADERS | {"cache-control": "no-store"}
            )
        try:
            index = await self._graphs.index(repo)
        except Building:
            page = render("graph_embed.html", context | {"building": True, "aside": ""})
            return Response(page, 200, headers | _HEADERS | {"cache-control": "no-store"})
        choice = _chosen(index, refs, rows)
        age = time.time() // _AGES
        key = _tag(repo.full_name, index.generation, "embed", repr((rows, refs, theme, age)))

        def draw(picture: Picture, total: int) -> str:
            aside = f"{total:,} commit{'' if total == 1 else 's'}" if not refs else ", ".join(map(short, refs))
            return render("graph_embed.html", context | _listed(picture) | {"aside": aside})

        return await self._answer(request, repo, index, choice, key, draw, headers)

    async def _public(self, request: Request) -> Repository | None:
        repo = await self._host.repositories.find(request.path_params["owner"], request.path_params["name"])
        return repo if repo and not repo.private else None

    async def _answer(
        self,
        request: Request,
        repo: Repository,
        index: RowIndex,
        choice: Choice,
        key: str,
        draw: Callable[[Picture, int], str],
        headers: dict[str, str],
    ) -> Response:
        headers |= _HEADERS | {"etag": key, "cache-control": f"public, max-age={MAX_AGE}"}
        if "frame-ancestors *" in headers["content-security-policy"]:
            headers["cache-control"] = "no-cache"  # it asks again after each push, and has to be told the truth
        known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
        if key.removeprefix("W/") in known:
            return Response(status_code=304, headers=headers)
        found = self._kept.get(key)
        if not found:
            text = await self._drawn(repo, index, choice, draw)
            found = gzip.compress(text.encode("utf-8", "replace"), 5, mtime=0), True
            self._kept.keep(key, found)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found[0], 200, headers | {"content-encoding": "gzip"})
        return Response(gzip.decompress(found[0]), 200, headers)

    async def _drawn(
        self, repo: Repository, index: RowIndex, choice: Choice, draw: Callable[[Picture, int], str]
    ) -> str:
        if libgit2_knows(repo.path):
            return await self._host.git.read(repo.path, _by_libgit2, index, choice, draw)
        read = await fetched(self._host.git, repo.path, pictures.oids(index, choice))
        return await asyncio.to_thread(lambda: draw(pictures.drawn(index, choice, read), index.total))


_HEADERS = {
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "cross-origin",
}


def _by_libgit2(
    repository: LibgitRepository, index: RowIndex, choice: Choice, draw: Callable[[Picture, int], str]
) -> str:
    return draw(pictures.drawn(index, choice, reader(repository)), index.total)


def _listed(picture: Picture) -> dict[str, Any]:
    """The rows and lanes as the template has them."""
    grid = Grid(14, 0, 14, _ROW, max(1, min(picture.lanes, _LANES)))
    rows = []
    for drawn in picture.rows:
        names = sorted(drawn.refs, key=lambda name: (name != picture.head, not name.startswith("refs/heads/"), name))
        chips = [
            {
                "kind": next((kind for folder, kind in _KINDS.items() if name.startswith(folder)), "other"),
                "name": short(name),
                "hue": hue(drawn.lane),
                "default": name == picture.head,
            }
            for name in names[:_CHIPS]
        ]
        commit = drawn.commit
        rows.append(
            {
                "oid": drawn.oid,
                "chips": chips,
                "more": max(0, len(names) - _CHIPS),
                "subject": commit.subject,
                "author": commit.author,
                "time": commit.time,
            }
        )
    return {
        "rows": rows,
        "more": picture.more,
        "lanes": Markup(drawing(picture, grid)),  # noqa: S704 -- numbers and class names alone
        "lanes_width": round(grid.x(grid.lanes - 1) + 14),
        "row_height": _ROW,
    }


def _chosen(index: RowIndex, refs: tuple[str, ...], rows: int) -> Choice:
    try:
        return pictures.chosen(index, refs, rows)
    except KeyError as error:
        raise NotFound(
            f"There is no branch or tag {error.args[0][:120]!r} that names a commit; ref takes a full name such as refs/heads/main.",
            field="ref",
        ) from None


def _refs(request: Request) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for name in request.query_params.getlist("ref") if name))
    if len(names) > _REFS:
        raise BadRequest(f"ref may be given {_REFS} times at most.", field="ref")
    return names


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name) or str(default)
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:9]) <= most:
        raise BadRequest(f"{name} has to be a whole number from {least} to {most}.", field=name)
    return int(text[:9])


def _one_of(request: Request, name: str, values: tuple[str, ...]) -> str:
    value = request.query_params.get(name) or values[0]
    if value not in values:
        raise BadRequest(f"{name} has to be one of {', '.join(values)}.", field=name)
    return value


def _tag(*parts: str) -> str:
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=12)
    return f'W/"{digest.hexdigest()}"'
