"""The page with a repository's preview settings. A secret's value goes in, and never comes out again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from gitperch.errors import BadRequest, NotFound
from gitperch.pages.forms import Form, read_form
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.routing import Route
from gitperch_preview.vault.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from gitperch_preview.vault.service import Vault

PATH = "previews"
_ON = "1"


def routes(vault: Vault) -> Sequence[BaseRoute]:
    async def show(request: Request) -> Response:
        page = await open_repository(request, "admin")
        name = request.query_params.get("change", "")
        found = next((s for s in await vault.settings(page.repository.id) if s.name == name), None)
        form = Form(secret=_ON)
        if found:
            form = Form(name=found.name, value=found.value or "", secret=_ON if found.secret else "", known=_ON)
        return await _page(page, form, done=request.query_params.get("done", ""))

    async def put(request: Request) -> Response:
        page = await open_repository(request, "admin")
        form = await read_form(request)
        # A browser ends the lines of a text area with CR LF (WHATWG HTML, 4.10.21); no key file has them.
        value = form["value"].replace("\r\n", "\n")
        try:
            await vault.put(
                page.repository.id, {form.text("name"): value}, secret=form.checked("secret"), by=page.viewer.name
            )
        except (BadRequest, VaultError) as error:
            return await _page(page, form, {f"setting-{error.field or 'value'}": error.message})
        return RedirectResponse(f"{page.root}/settings/{PATH}?done=set", 303)

    async def remove(request: Request) -> Response:
        page = await open_repository(request, "admin")
        await read_form(request)
        with contextlib.suppress(NotFound):  # removed by another click: it is gone, as was wanted
            await vault.remove(page.repository.id, request.path_params["setting"], by=page.viewer.name)
        return RedirectResponse(f"{page.root}/settings/{PATH}?done=removed", 303)

    async def _page(page: RepositoryPage, form: Form, errors: dict[str, str] | None = None, done: str = "") -> Response:
        settings = await vault.settings(page.repository.id)
        if errors and (form.checked("secret") or form.text("name") in {s.name for s in settings if s.secret}):
            form["value"] = ""
        return page.response(
            "preview_settings.html",
            "settings",
            422 if errors else 200,
            {"cache-control": "no-store"},
            settings_page=PATH,
            form=form,
            errors=errors or {},
            done=done,
            settings=settings,
            changes=await vault.changes(page.repository.id),
        )

    place = f"/{{owner}}/{{name}}/settings/{PATH}"
    return [
        Route(place, show),
        Route(place, put, methods=["POST"]),
        Route(f"{place}/{{setting}}/remove", remove, methods=["POST"]),
    ]
