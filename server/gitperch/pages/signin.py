"""Signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from gitperch.errors import AppError, TooMany, Unauthorized
from gitperch.host import host_of
from gitperch.pages.forms import local_path, read_form
from gitperch.pages.visitor import session_viewer

if TYPE_CHECKING:
    from starlette.requests import Request


async def show(request: Request) -> Response:
    onward = local_path(request.query_params.get("next", "/"))
    if (await session_viewer(request)).user:
        return RedirectResponse(onward, 303)
    return _page(request, onward)


async def sign_in(request: Request) -> Response:
    host = host_of(request)
    form = await read_form(request)
    onward = local_path(form["next"] or "/")
    try:
        user = await host.access.sign_in(form.text("name"), form["password"], request)
    except (Unauthorized, TooMany) as error:
        return _page(request, onward, form.text("name"), error)
    response = RedirectResponse(onward, 303)
    await host.sessions.begin(user, response)
    return response


async def sign_out(request: Request) -> Response:
    await read_form(request)
    response = RedirectResponse("/", 303)
    await host_of(request).sessions.end(request, response)
    return response


def _page(request: Request, onward: str, name: str = "", error: AppError | None = None) -> Response:
    return host_of(request).templates.response(
        request,
        "signin.html",
        # 422 rather than 401: this is a form to be filled in again, not a challenge.
        status=(429 if isinstance(error, TooMany) else 422) if error else 200,
        onward=onward,
        name=name,
        errors={"password": error.message} if error else {},
    )
