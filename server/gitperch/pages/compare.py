"""Two commits compared: what one has that the other has not, as commits and as changes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from gitperch.errors import BadRequest, NotFound
from gitperch.git import GitError, commits, names, objects, refs
from gitperch.git.between import Between, between
from gitperch.git.diff import Span
from gitperch.pages.diff_page import drawn, file_response, remembering, shown
from gitperch.pages.diff_view import PAGE_LINES, View, parameters
from gitperch.pages.errors import kind_of
from gitperch.pages.filters import urlpath
from gitperch.pages.leaving import ends_with_client
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import COMPONENT, rest_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.pages.diff_view import Drawer

COMMITS = 100


@dataclass(frozen=True)
class Sides:
    """`old...new` (`dots` 3: since they parted) or `old..new` (2: straight), as the address names them."""

    old: str
    new: str
    dots: int

    def address_in(self, root: str) -> str:
        """The page's address; `root` is the repository's."""
        return f"{root}/compare/{urlpath(self.old)}{'.' * self.dots}{urlpath(self.new)}"

    @property
    def straight(self) -> Sides:
        return Sides(self.old, self.new, 2)

    @property
    def parted(self) -> Sides:
        return Sides(self.old, self.new, 3)

    @property
    def swapped(self) -> Sides:
        return Sides(self.new, self.old, self.dots)


class Compare:
    """`drawer` may be shared with other pages about changes."""

    def __init__(self, drawer: Drawer) -> None:
        self._drawer = drawer

    async def choose(self, request: Request) -> Response:
        """`?from=&to=&dots=` leads to the comparison; without them, the form to fill in."""
        page = await open_repository(request)
        given = parameters(request)
        old, new = given.get("from", "").strip(), given.get("to", "").strip()
        if old and new:
            return RedirectResponse(Sides(old, new, 2 if given.get("dots") == "2" else 3).address_in(page.root), 302)
        sides = Sides(old or page.repository.head, new, 3)
        return _form(page, sides)

    @ends_with_client
    async def show(self, request: Request) -> Response:
        page = await open_repository(request)
        sides = _sides(rest_of(request), page.repository.head)
        git, path = page.host.git, page.repository.path
        try:
            old, new = await _commit(page, sides.old, "from"), await _commit(page, sides.new, "to")
        except NotFound as error:
            if kind_of(request) != "html" or "file" in request.query_params:
                raise
            return _form(page, sides, error)
        given, view = parameters(request), View.of(request)
        try:
            found = await between(git, path, old, new, COMMITS)
        except GitError:
            found = Between(None, None, None, [])
        start = found.base if sides.dots == 3 and found.base else old
        span, here = Span(start, new, view.ignore_space), sides.address_in(page.root)
        if "file" in given:
            title = f"{sides.old}{'.' * sides.dots}{sides.new}"
            return await file_response(self._drawer, page, span, view, given, here, {}, title)
        (listing, files, problem), listed = await asyncio.gather(
            drawn(self._drawer, page, span, view, given, PAGE_LINES), git.look_up(path, commits.several, found.oids)
        )
        response = page.response(
            "compare.html",
            "branches",
            sides=sides,
            old=old,
            new=new,
            same=start == new,
            between=found,
            commits=[listed[oid] for oid in found.oids if oid in listed],
            problem=problem,
            **shown(page, span, view, listing, files, here, {}),
        )
        return remembering(response, request)


def _form(page: RepositoryPage, sides: Sides, error: NotFound | None = None) -> Response:
    """The form to fill in, or to mend."""
    errors = {error.field or "to": error.message} if error else {}
    return page.response(
        "compare.html", "branches", error.status if error else 200, sides=sides, between=None, errors=errors
    )


def _sides(rest: str, default: str) -> Sides:
    """What an address such as `main...feature/x` means; one name alone is compared with the default branch. Raises BadRequest."""
    for dots in (3, 2):
        old, found, new = rest.partition("." * dots)  # no ref has two dots in its name
        if found:
            break
    else:
        old, new, dots = default, rest, 3
    if not old or not new or ".." in new:
        raise BadRequest("Name two branches, tags or commits to compare, such as main...feature.", field="compare")
    return Sides(old, new, dots)


async def _commit(page: RepositoryPage, name: str, field: str) -> str:
    """The commit that a branch, a tag, `HEAD` or an oid means. Raises NotFound."""
    git, path = page.host.git, page.repository.path
    wanted = [f"refs/heads/{name}", f"refs/tags/{name}", name]
    if name == "HEAD":
        wanted = [f"refs/heads/{page.repository.head}"]
    wanted = [
        ref for ref in wanted if names.is_ref(ref) and all(len(os.fsencode(p)) < COMPONENT for p in ref.split("/"))
    ]
    found = await asyncio.to_thread(refs.read, path, wanted)
    try:
        for ref in wanted:
            if ref in found and (oid := await git.look_up(path, objects.commit_oid, found[ref])):
                return oid
        if oid := await git.look_up(path, objects.commit_oid, name.lower()):
            return oid
    except GitError:
        pass
    raise NotFound(
        f"There is no branch, tag or commit {name[:200]!r} in {page.repository.full_name}. "
        "It may have been deleted or renamed; the Branches page lists those that are here.",
        field=field,
    )
