"""What all pages about changes have in common: the list, one file by itself, and what their templates need."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gitperch.errors import NotFound
from gitperch.git import GitError, names, objects
from gitperch.git.diff import Changes, changes
from gitperch.git.process import UnreadableRepository
from gitperch.pages.diff_files import PER_PAGE, Listing, listing_of
from gitperch.pages.diff_view import COOKIE, YEAR, query
from gitperch.pages.templates import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.commits import Commit
    from gitperch.git.diff import FileChange, Span
    from gitperch.pages.diff_view import Drawer, FileDiff, View
    from gitperch.pages.repository import RepositoryPage


async def drawn(
    drawer: Drawer,
    page: RepositoryPage,
    span: Span,
    view: View,
    given: Mapping[str, str],
    lines: int,
    commit: Commit | None = None,
) -> tuple[Listing, list[FileDiff], str]:
    """The list of what changed, the files of it that are shown, with at most `lines` changed lines, and what is wrong, if something is."""
    if span.old == span.new:
        return listing_of(Changes([]), {}), [], ""
    try:
        found = await changes(page.host.git, page.repository.path, span)
        listing = await asyncio.to_thread(listing_of, found, given)
        return listing, await drawer.files(page, span, view, listing.chosen, lines), ""
    except GitError:
        return listing_of(Changes([]), {}), [], await _problem(page, commit)


async def _problem(page: RepositoryPage, commit: Commit | None) -> str:
    try:
        if commit:
            await page.host.git.read(page.repository.path, objects.entries, commit.tree)
    except objects.MissingObject as error:
        return error.message
    except UnreadableRepository:
        pass
    return "The changes cannot be shown: objects of this commit or of its parent are missing in this repository."


def shown(
    page: RepositoryPage,
    span: Span,
    view: View,
    listing: Listing,
    files: Sequence[FileDiff],
    here: str,
    chosen: Mapping[str, str],
) -> dict[str, Any]:
    """What `_changes.html` needs. `here` is the address of the page, `chosen` what of its query says what is compared."""
    kept = {**chosen, **view.parameters}

    def address(**changed: str) -> str:
        return here + query(kept | {"files": listing.query} | changed)

    def of_file(change: FileChange, **more: str) -> str:
        return here + query(kept | {"file": change.path, "old": change.old_path or ""} | more)

    def of_lines(change: FileChange) -> str:
        return f"{page.root}/commit/{span.new}/lines{query({'path': change.path})}"

    places = {number: place for place, (number, _) in enumerate(listing.found_files)}

    def in_list(number: int) -> str:
        """Where a file of the tree is: here, or on another page of the list."""
        other = places[number] // PER_PAGE + 1
        return f"#file-{number}" if other == listing.number else f"{address(page=str(other))}#file-{number}"

    return {
        "span": span,
        "view": view,
        "listing": listing,
        "files": files,
        "address": address,
        "of_file": of_file,
        "of_lines": of_lines,
        "in_list": in_list,
    }


async def file_response(
    drawer: Drawer,
    page: RepositoryPage,
    span: Span,
    view: View,
    given: dict[str, str],
    here: str,
    chosen: dict[str, str],
    title: str,
) -> Response:
    """One file, `?file=` (`?old=` where it was renamed): a page, or with `?fragment` what goes into its place on another.

    Raises NotFound, BadRequest.
    """
    only = [names.tree_path(given[key]) for key in ("file", "old") if given.get(key)]
    try:
        found = await changes(page.host.git, page.repository.path, span, only)
        change = next((file for file in found.files if file.path == only[0]), None) if only else None
        if not change:
            raise NotFound(f"{given['file'][:200]!r} did not change between these two commits.", field="file")
        file = await drawer.one(page, span, view, change, 1)
    except GitError:
        raise NotFound("The change cannot be shown: objects of it are missing in this repository.") from None
    listing = listing_of(Changes([change]), {})
    return page.response(
        "_diff_body.html" if "fragment" in given else "diff.html",
        "commit",
        file=file,
        title=title,
        **shown(page, span, view, listing, [file], here, chosen),
    )


def remembering(response: Response, request: Request) -> Response:
    """`response`, which is drawn in a thread, and how the visitor wants to see changes, which is kept."""
    if isinstance(response, Page):
        response.large = True
    way = request.query_params.get("view", "")
    if way in ("split", "unified"):
        response.set_cookie(COOKIE, way, max_age=YEAR, path="/", samesite="lax")
    return response
