"""One commit: as a page, as the panel that the graph opens, and as a patch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from gitperch.errors import BadRequest, NotFound
from gitperch.git import commits, objects
from gitperch.git.diff import Span
from gitperch.pages import commit_about
from gitperch.pages.commit_message import message_of
from gitperch.pages.commit_patch import StreamedPatch
from gitperch.pages.diff_lines import drawn_lines
from gitperch.pages.diff_page import drawn, file_response, remembering, shown
from gitperch.pages.diff_view import PAGE_LINES, PANEL_LINES, View, parameters
from gitperch.pages.leaving import ends_with_client
from gitperch.pages.links import link_of_commit
from gitperch.pages.repository import RepositoryPage, open_repository

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.commits import Commit
    from gitperch.pages.diff_view import Drawer

PARENTS = 64  # of a merge that can be chosen
COMBINED = "all"


@dataclass(frozen=True)
class Compared:
    """What a commit is compared with: the number of a parent, from 1 (0 for a commit without any), or all of them at once."""

    span: Span
    parent: int

    @property
    def parameters(self) -> dict[str, str]:
        if self.span.combined:
            return {"parent": COMBINED}
        return {"parent": str(self.parent)} if self.parent > 1 else {}


class Commits:
    """The pages about one commit. `drawer` may be shared with other pages about changes."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer

    @ends_with_client
    async def show(self, request: Request) -> Response:
        page, commit = await _open(request)
        if commit.oid != request.path_params["oid"]:
            same = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{page.root}/commit/{commit.oid}{same}", 302)
        given, view = parameters(request), View.of(request)
        compared = _compared(commit, given, view)
        if "file" in given:
            return await self._file(page, commit, compared, view, given)
        git, path = page.host.git, page.repository.path
        (listing, files, problem), message, parents, refs, preview = await asyncio.gather(
            drawn(self._drawer, page, compared.span, view, given, PANEL_LINES if view.panel else PAGE_LINES, commit),
            message_of(page, commit),
            git.look_up(path, commits.several, commit.parents[:PARENTS]),
            commit_about.refs_at(page, commit.oid),
            link_of_commit(page.host, page.repository, commit.oid),
        )
        response = page.response(
            "_commit.html" if view.panel else "commit.html",
            "commit",
            commit=commit,
            message=message,
            parents=parents,
            refs=refs,
            preview=preview,
            wrote=commit_about.when(commit.author),
            committed=commit_about.when(commit.committer),
            problem=problem,
            compared=compared,
            **shown(page, compared.span, view, listing, files, f"{page.root}/commit/{commit.oid}", compared.parameters),
        )
        return remembering(response, request)

    async def _file(
        self, page: RepositoryPage, commit: Commit, compared: Compared, view: View, given: dict[str, str]
    ) -> Response:
        here = f"{page.root}/commit/{commit.oid}"
        title = commit.subject or commit.oid[:8]
        return await file_response(self._drawer, page, compared.span, view, given, here, compared.parameters, title)

    @ends_with_client
    async def lines(self, request: Request) -> Response:
        """`?path=&first=&last=&shift=`: more lines of a file, as rows for a diff."""
        page, commit = await _open(request)
        return await drawn_lines(page, commit.oid, parameters(request), View.of(request))

    @ends_with_client
    async def about(self, request: Request) -> Response:
        """What takes longer to find out: the branches and tags that contain the commit, and who signed it."""
        page, commit = await _open(request)
        return await commit_about.show(page, commit, fragment="fragment" in request.query_params)

    async def patch(self, request: Request) -> Response:
        page, commit = await _open(request)
        return StreamedPatch(page, commit, mail=request.url.path.endswith(".patch"))


async def _open(request: Request) -> tuple[RepositoryPage, Commit]:
    """The commit that the address names. Raises NotFound."""
    page = await open_repository(request)
    git, path = page.host.git, page.repository.path
    given = request.path_params["oid"].lower()
    oid = await git.look_up(path, objects.commit_oid, given)
    found = await git.look_up(path, commits.several, [oid]) if oid else {}
    if not oid or oid not in found:
        raise NotFound(
            f"There is no commit {given[:64]!r} in {page.repository.full_name}, or its short form means several."
        )
    return page, found[oid]


def _compared(commit: Commit, given: dict[str, str], view: View) -> Compared:
    """By `?parent=`: a number, or `all`. Raises BadRequest."""
    text = given.get("parent", "1")
    if text == COMBINED and len(commit.parents) > 1:
        return Compared(Span(commit.parents[0], commit.oid, view.ignore_space, combined=True), 0)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not commit.parents and number == 1:
        return Compared(Span("", commit.oid, view.ignore_space), 0)
    if not 1 <= number <= len(commit.parents):
        several = f"1 to {len(commit.parents)}, or {COMBINED!r}" if len(commit.parents) > 1 else "1"
        raise BadRequest(f"This commit has no parent {text[:20]!r}; give {several}.", field="parent")
    return Compared(Span(commit.parents[number - 1], commit.oid, view.ignore_space), number)
