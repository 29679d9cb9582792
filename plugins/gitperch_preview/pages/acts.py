"""What is done by the forms of the pages. They answer by leading back to a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse

from gitperch.errors import BadRequest, NotFound
from gitperch.pages.forms import read_form
from gitperch.pages.repository import open_repository
from gitperch_preview.conductor import api
from gitperch_preview.pages.words import ACTIONS, PATH, address

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.pages.forms import Form
    from gitperch.pages.repository import RepositoryPage
    from gitperch_preview.conductor.service import Conductor
    from gitperch_preview.pages.store import Store
    from gitperch_preview.shares import Shares

SETTLE_SECONDS = 1.0  # that a page waits for what was asked for to show
_NUMBER = re.compile(r"[0-9]{1,15}")


class Acts:
    def __init__(self, conductor: Conductor, store: Store, shares: Shares) -> None:
        self._conductor = conductor
        self._store = store
        self._shares = shares

    async def post(self, request: Request) -> Response:
        """The field `do` says what: one of `ACTIONS`, share (for `hours`) or revoke (`share`). `back` is "list" from there."""
        page = await open_repository(request, "write")
        form = await read_form(request)
        branch, do = request.path_params["branch"], form["do"]
        sharing = do in ("share", "revoke")
        if do in ACTIONS:
            await self._act(page, branch, do)
        elif sharing:
            await self._share(page, branch, form)
        else:
            raise BadRequest(f"do has to be one of {', '.join(sorted(ACTIONS))}, share and revoke.", field="do")
        here = address(page.repository, branch) + ("?share=1#share" if sharing else "")
        return RedirectResponse(f"{page.root}/{PATH}" if form["back"] == "list" else here, 303)

    async def _act(self, page: RepositoryPage, branch: str, do: str) -> None:
        conductor, repo_id = self._conductor, page.repository.id
        place = conductor.branch(repo_id, branch).place
        before = (place.state, place.deployment_id)
        await api.actions(conductor)[do](repo_id, branch)
        # So that whoever has no script is not shown what was.
        await conductor.stage.news.until(lambda: (place.state, place.deployment_id) != before or None, SETTLE_SECONDS)

    async def _share(self, page: RepositoryPage, branch: str, form: Form) -> None:
        user, site = page.viewer.user, await self._store.site(page.repository.id, branch)
        if not site:
            raise NotFound(f"There is no preview of a branch {branch[:200]!r} in {page.repository.full_name}.")
        if form["do"] == "revoke":
            number = int(form["share"]) if _NUMBER.fullmatch(form["share"]) else 0
            await self._shares.revoke(site.label, number)  # gone already: as was wanted
            return
        if not user:
            raise NotFound("A share link is made by a person: sign in.")
        try:
            hours = float(form["hours"])
        except ValueError:
            raise BadRequest("hours has to be a number; no link was made.", field="hours") from None
        await self._shares.make(page.repository.id, site.label, user.id, hours)
