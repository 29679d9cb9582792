"""A repository's settings, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from gitperch.errors import BadRequest
from gitperch.git import refs
from gitperch.pages.forms import Form, read_form
from gitperch.pages.repository import RepositoryPage, open_repository

if TYPE_CHECKING:
    from starlette.requests import Request

DESCRIPTION_LIMIT = 500


async def show(request: Request) -> Response:
    page = await open_repository(request, "admin")
    repository = page.repository
    form = Form(
        description=repository.description,
        visibility="private" if repository.private else "public",
        open_previews="1" if repository.open_previews else "",
        default_branch=repository.head,
    )
    return await _page(page, form, done=request.query_params.get("done", ""))


async def change(request: Request) -> Response:
    page = await open_repository(request, "admin")
    form = await read_form(request)
    repositories, repository = page.host.repositories, page.repository
    if len(form.text("description")) > DESCRIPTION_LIMIT:
        return await _page(
            page, form, {"description": f"The description is longer than {DESCRIPTION_LIMIT} characters."}
        )
    try:
        branch = form["default_branch"]
        if branch and branch != repository.head:
            await repositories.set_default_branch(repository, branch)
        await repositories.change(
            repository,
            description=form.text("description"),
            private=form["visibility"] != "public",
            open_previews=form.checked("open_previews"),
        )
    except BadRequest as error:
        return await _page(page, form, {error.field or "description": error.message})
    return RedirectResponse(f"{page.root}/settings?done=saved", 303)


async def delete(request: Request) -> Response:
    page = await open_repository(request, "admin")
    form = await read_form(request)
    name = page.repository.full_name
    if form.text("confirmation") != name:
        shown = Form(
            description=page.repository.description,
            visibility="private" if page.repository.private else "public",
            open_previews="1" if page.repository.open_previews else "",
            default_branch=page.repository.head,
            confirmation=form["confirmation"],
        )
        return await _page(page, shown, {"confirmation": f"Nothing was deleted: type {name} exactly to delete it."})
    await page.host.repositories.delete(page.repository)
    return RedirectResponse("/", 303)


async def _page(page: RepositoryPage, form: Form, errors: dict[str, str] | None = None, done: str = "") -> Response:
    branches = [
        name.removeprefix("refs/heads/")
        for name in await asyncio.to_thread(refs.snapshot, page.repository.path)
        if name.startswith("refs/heads/")
    ]
    status = 422 if errors else 200
    return page.response(
        "settings.html", "settings", status, form=form, errors=errors or {}, branches=branches, done=done
    )
