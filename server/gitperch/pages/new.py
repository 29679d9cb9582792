"""A new repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from gitperch.errors import BadRequest, Conflict
from gitperch.host import host_of
from gitperch.pages.forms import Form, read_form
from gitperch.pages.visitor import signed_in

if TYPE_CHECKING:
    from starlette.requests import Request


async def show(request: Request) -> Response:
    await signed_in(request)
    return _page(request, Form(visibility="private"))


async def create(request: Request) -> Response:
    user = await signed_in(request)
    form = await read_form(request)
    try:
        repository = await host_of(request).repositories.create(
            user,
            form.text("name"),
            private=form["visibility"] != "public",
            description=form.text("description"),
            object_format="sha256" if form["object_format"] == "sha256" else "sha1",
        )
    except (BadRequest, Conflict) as error:
        return _page(request, form, {error.field or "name": error.message})
    return RedirectResponse(f"/{repository.full_name}", 303)


def _page(request: Request, form: Form, errors: dict[str, str] | None = None) -> Response:
    status = 422 if errors else 200
    return host_of(request).templates.response(request, "new.html", status, form=form, errors=errors or {})
