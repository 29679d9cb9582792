"""Who is looking at a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.accounts.access import ANONYMOUS, Viewer
from gitperch.errors import Unauthorized
from gitperch.host import host_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.accounts.people import User

_SESSION, _SENDER = "gitperch.session", "gitperch.sender"


async def session_viewer(request: Request) -> Viewer:
    """The person whose browser session this is, or nobody; looked up once.

    What a page is drawn for. An `Authorization` header does not count: a token must not reach what only people may do.
    """
    if _SESSION not in request.scope:
        user = await host_of(request).sessions.user(request)
        request.scope[_SESSION] = Viewer(user) if user else ANONYMOUS
    viewer: Viewer = request.scope[_SESSION]
    return viewer


async def signed_in(request: Request) -> User:
    """The person whose browser session this is. Raises Unauthorized for nobody."""
    user = (await session_viewer(request)).user
    if not user:
        raise Unauthorized("Sign in to see this page.")
    return user


async def sender(request: Request) -> Viewer:
    """Whoever sent this request, by token, password or session. Raises what `Access.viewer` raises."""
    if "authorization" not in request.headers:
        return await session_viewer(request)
    if _SENDER not in request.scope:
        request.scope[_SENDER] = await host_of(request).access.viewer(request)
    viewer: Viewer = request.scope[_SENDER]
    return viewer
