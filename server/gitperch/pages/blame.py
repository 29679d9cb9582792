"""Who wrote which line of a file: a page of its lines, and a stream that tells where they come from, what is in view first."""

from __future__ import annotations

import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from gitperch.errors import BadRequest, NotFound
from gitperch.git import GitError, blame, commits, objects
from gitperch.git.objects import MissingObject
from gitperch.pages import markdown
from gitperch.pages.blob import SHOWN, first_line, kept_headers, patience
from gitperch.pages.files import AT_ONCE_SECONDS
from gitperch.pages.filters import hue, initials, urlpath
from gitperch.pages.lines import AT_ONCE
from gitperch.pages.listing import content_of, elsewhere, entry_at
from gitperch.pages.ndjson import Ndjson
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import Place, resolve, rest_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.blame import Group
    from gitperch.pages.last import Last
    from gitperch.pages.lines import Lines

PLAIN_SECONDS = 20.0
STREAM_SECONDS = 300.0
IGNORE_LIMIT = 256 << 10  # bytes of an ignore file
PARTS = 8
_LINES = re.compile(r"([1-9]\d{0,7})-([1-9]\d{0,7})")


class Blame:
    """The page of a file with the commits of its lines, and the stream behind it."""

    def __init__(self, last: Last, lines: Lines) -> None:
        self._last = last
        self._lines = lines

    async def show(self, request: Request) -> Response:
        """`?from=N` begins at a later line; `rows`: only the table's rows; `plain`: with the commits, for who has no script."""
        page = await open_repository(request)
        place = await resolve(page, rest_of(request))
        entry = await entry_at(page, place)
        if entry.kind in ("tree", "module"):
            return elsewhere(page, place, entry)
        git, path = page.host.git, page.repository.path
        content = await content_of(page, entry.oid, SHOWN)
        if entry.kind == "link" or not content.whole or content.binary:
            return elsewhere(page, place, entry)
        rows = "rows" in request.query_params
        window = await self._lines.window(content, entry.name, first_line(request), patience(request))
        if rows:
            return page.response(
                "_lines.html", "files", headers=kept_headers(window, place.fixed), window=window, blame=True
            )
        ignored = await _ignored(page, place)
        found: dict[int, Group] = {}
        problem = ""
        if "plain" in request.query_params and window.lines:
            try:
                found = await _all(page, place, (window.first, window.last), ignored if _respects(request) else ())
            except GitError:
                problem = f"git did not find all of these lines within {PLAIN_SECONDS:.0f} seconds, or something is missing here."
        last = await self._last.soon(page, place, [], AT_ONCE_SECONDS)
        known = await git.look_up(path, commits.several, {place.oid, *last.oids.values()})
        return page.response(
            "blame.html",
            "files",
            place=place,
            entry=entry,
            blob=content,
            window=window,
            groups=found,
            plain="plain" in request.query_params,
            problem=problem,
            commit=known.get(last.oids.get("", "")),
            pending=not last.whole,
            at=known[place.oid].committer.at if place.oid in known else 0,
            ignored=len(ignored),
            respects=_respects(request),
            moved="moved" in request.query_params,
            at_once=AT_ONCE,
            is_markdown=markdown.is_markdown(entry.name),
        )


async def stream(request: Request) -> Response:
    """`GET /api/repos/{owner}/{name}/blame/REF/PATH?lines=1-80&lines=81-900`, the parts in the order in which they are wanted.

    Lines of NDJSON: `{"commit": {…}}` before the first group of each commit, `{"line", "count", "source", "oid", "path",
    "previous"}` for each group (the paths as they stand in addresses), and `{"done": true}`.
    """
    page = await open_repository(request)
    place = await resolve(page, rest_of(request, 5))
    entry = await entry_at(page, place)
    if entry.kind != "blob":
        raise NotFound(f"{place.path or 'The top'} is not a file; only files have lines.")
    parts = [_part(given) for given in request.query_params.getlist("lines")[:PARTS]]
    ignored = await _ignored(page, place) if _respects(request) else ()
    lines = _told(page, place, parts, ignored, moved="moved" in request.query_params)
    return Ndjson(page.host.git, lines, {"cache-control": "private, no-cache"})


async def _told(
    page: RepositoryPage, place: Place, parts: Sequence[tuple[int, int]], ignored: Sequence[str], *, moved: bool
) -> AsyncGenerator[dict[str, Any]]:
    known = set()
    for part in parts or (None,):
        groups = blame.blame(
            page.host.git,
            page.repository.path,
            place.oid,
            place.path,
            part,
            moved=moved,
            ignored=ignored,
            seconds=STREAM_SECONDS,
        )
        async with aclosing(groups):
            async for group in groups:
                origin = group.origin
                if origin.oid not in known:
                    known.add(origin.oid)
                    yield {"commit": _commit(group)}
                yield {
                    "line": group.line,
                    "count": group.count,
                    "source": group.source,
                    "oid": origin.oid,
                    "path": urlpath(group.path),
                    "previous": group.previous and f"{group.previous[0]}/{urlpath(group.previous[1])}",
                }
    yield {"done": True}


def _commit(group: Group) -> dict[str, Any]:
    origin = group.origin
    return {
        "oid": origin.oid,
        "author": origin.author,
        "email": origin.email,
        "hue": hue(origin.author or origin.email),
        "initials": initials(origin.author or origin.email),
        "time": origin.at,
        "subject": origin.subject,
        "boundary": origin.boundary,
    }


async def _all(page: RepositoryPage, place: Place, lines: tuple[int, int], ignored: Sequence[str]) -> dict[int, Group]:
    """The groups of some lines, by the line that each begins with."""
    git = page.host.git
    found: dict[int, Group] = {}
    async with git.lookers:
        groups = blame.blame(
            git, page.repository.path, place.oid, place.path, lines, ignored=ignored, seconds=PLAIN_SECONDS
        )
        async with aclosing(groups):
            async for group in groups:
                found[group.line] = group
    return found


async def _ignored(page: RepositoryPage, place: Place) -> list[str]:
    """The commits that the repository's own ignore file names at this place."""
    try:
        data = await page.host.git.look_up(page.repository.path, _ignore_file, place.oid)
    except MissingObject:
        return []
    return blame.ignored_of(data)


def _ignore_file(repository: LibgitRepository, commit: str) -> bytes:
    entry = objects.find(repository, commit, blame.IGNORE_FILE)
    return objects.blob(repository, entry.oid, IGNORE_LIMIT).data if entry and entry.kind == "blob" else b""


def _respects(request: Request) -> bool:
    return request.query_params.get("ignore") != "0"


def _part(given: str) -> tuple[int, int]:
    match = _LINES.fullmatch(given)
    if not match or int(match[1]) > int(match[2]):
        raise BadRequest("`lines` has to be two line numbers, such as 1-80.", field="lines")
    return int(match[1]), int(match[2])
