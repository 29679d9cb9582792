"""A repository's settings, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from starlette.responses import RedirectResponse, Response

from gitperch.errors import BadRequest, Conflict
from gitperch.git import refs
from gitperch.pages.account import needs_ssh
from gitperch.pages.forms import Form, read_form
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.visitor import signed_in
from gitperch.ssh.host_keys import fingerprints

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.repositories import Repository

DESCRIPTION_LIMIT = 500


async def show(request: Request) -> Response:
    page = await open_repository(request, "admin")
    return await _page(page, _saved(page.repository), done=request.query_params.get("done", ""))


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
        shown = _saved(page.repository, confirmation=form["confirmation"])
        return await _page(page, shown, {"confirmation": f"Nothing was deleted: type {name} exactly to delete it."})
    await page.host.repositories.delete(page.repository)
    return RedirectResponse("/", 303)


async def add_key(request: Request) -> Response:
    page = await open_repository(request, "admin")
    user = await signed_in(request)
    form = await read_form(request)
    needs_ssh(page.host)
    try:
        permission: Literal["read", "write"] = "write" if form["permission"] == "write" else "read"
        await page.host.ssh_keys.add_to_repository(page.repository, form["key"], form["title"], permission, user)
    except (BadRequest, Conflict) as error:
        wrong = {f"ssh-{error.field}": error.message}
        return await _page(page, _saved(page.repository), wrong, ssh_form=form)
    return RedirectResponse(f"{page.root}/settings?done=key#keys", 303)


async def remove_key(request: Request) -> Response:
    page = await open_repository(request, "admin")
    await signed_in(request)
    await read_form(request)
    await page.host.ssh_keys.remove_from_repository(page.repository, request.path_params["key_id"])
    return RedirectResponse(f"{page.root}/settings?done=key-removed#keys", 303)


def _saved(repository: Repository, **more: str) -> Form:
    """The form as the repository has it."""
    return Form(
        description=repository.description,
        visibility="private" if repository.private else "public",
        open_previews="1" if repository.open_previews else "",
        default_branch=repository.head,
        **more,
    )


async def _page(
    page: RepositoryPage,
    form: Form,
    errors: dict[str, str] | None = None,
    done: str = "",
    ssh_form: Form | None = None,
) -> Response:
    branches = [
        name.removeprefix("refs/heads/")
        for name in await asyncio.to_thread(refs.snapshot, page.repository.path)
        if name.startswith("refs/heads/")
    ]
    return page.response(
        "settings.html",
        "settings",
        422 if errors else 200,
        form=form,
        errors=errors or {},
        branches=branches,
        done=done,
        keys=await page.host.ssh_keys.of_repository(page.repository),
        host_keys=fingerprints(page.host.config.data),
        ssh_form=ssh_form or Form(permission="read"),
    )
