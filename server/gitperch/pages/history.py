"""What happened to a file or a folder: its commits, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from gitperch.accounts.access import client_address
from gitperch.errors import BadRequest, NotFound
from gitperch.git import GitError, commits, names, objects
from gitperch.git.file_history import Change, Changes, Cursor, changes
from gitperch.pages.filters import urlpath
from gitperch.pages.listing import address
from gitperch.pages.ndjson import while_here
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import Place, resolve, rest_of

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.commits import Commit

PER_PAGE = 50
SOON_SECONDS = 1.0  # for the page, which shows what it has by then
LATER_SECONDS = 25.0  # for whoever asks for more


@dataclass(frozen=True)
class Entry:
    """A change and its commit; `then` is the place as that commit has it, "" where it was deleted."""

    change: Change
    commit: Commit
    then: str


async def show(request: Request) -> Response:
    """`?from=OID&path=PATH&skip=N` goes on behind a page; with `rows` as well, only the list's rows are given."""
    page = await open_repository(request)
    if page.empty:
        return page.response("files.html", "files", place=None)
    place = await resolve(page, rest_of(request))
    git, path = page.host.git, page.repository.path
    kind = await git.look_up(path, _kind, place.oid, place.path)
    cursor = _cursor(request)
    found = await while_here(request, _changes(page, cursor or Cursor(place.oid, place.path), cursor, kind))
    if not kind and not found.changes and not cursor and found.whole:
        raise NotFound(f"Nothing was ever called {place.path[:300]!r} in the history of {place.name}.")
    known = await git.look_up(path, commits.several, {change.oid for change in found.changes})
    return page.response(
        "_history.html" if "rows" in request.query_params else "history.html",
        "files",
        place=place,
        kind=kind,
        entries=[_entry(change, known[change.oid]) for change in found.changes if change.oid in known],
        begins=not cursor,
        whole=found.whole,
        more=_further(page, place, found.next) if found.next else "",
    )


async def _changes(page: RepositoryPage, start: Cursor, further: Cursor | None, kind: str) -> Changes:
    git, seconds = page.host.git, LATER_SECONDS if further else SOON_SECONDS
    turn = git.children.turn(client_address(page.request)) if further else git.lookers
    try:
        async with turn:
            return await changes(git, page.repository.path, start, PER_PAGE, seconds, folder=kind == "tree")
    except GitError:
        raise BadRequest(
            "This history cannot be read: commits or trees that it goes through are missing in this repository. "
            "Push its history again, or restore it from a backup."
        ) from None


def _kind(repository: LibgitRepository, commit: str, path: str) -> str:
    """tree, blob, link, module; "" where there is nothing any more. Runs inside `Git.look_up`."""
    entry = objects.find(repository, commit, path)
    return entry.kind if entry else ""


def _cursor(request: Request) -> Cursor | None:
    """Where the address says to go on. Raises BadRequest."""
    given = parse_qs(request.url.query, errors="surrogateescape")
    if "from" not in given:
        return None
    oid, skip = given["from"][0], given.get("skip", ["0"])[0]
    if not names.is_oid(oid):
        raise BadRequest("`from` has to be the whole id of a commit.", field="from")
    if not skip.isdecimal() or len(skip) > 9:
        raise BadRequest("`skip` has to be a number of changes.", field="skip")
    return Cursor(oid, names.tree_path(given.get("path", [""])[0]), int(skip))


def _further(page: RepositoryPage, place: Place, cursor: Cursor) -> str:
    query = {"from": cursor.start, "path": cursor.path, "skip": cursor.skip}
    return f"{address(page, 'history', place)}?{urlencode(query, errors='surrogateescape')}"


def _entry(change: Change, commit: Commit) -> Entry:
    return Entry(change, commit, "" if change.status == "D" else f"{change.oid}/{urlpath(change.path)}".rstrip("/"))
