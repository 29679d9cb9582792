"""The one place that draws an error: a page for a browser, JSON for the API, a sentence for git."""

from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.websockets import WebSocket

from gitperch.errors import AppError, NotFound
from gitperch.host import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request

log = logging.getLogger("gitperch.errors")

_GIT_PATH = re.compile(r"/(info/refs|info/lfs/.*|git-upload-pack|git-receive-pack|HEAD|objects/.*)$")
TITLES = {
    400: "That request cannot be served",
    401: "Sign in first",
    403: "Not allowed",
    404: "Nothing here",
    405: "Not like this",
    409: "That clashes with what is there",
    413: "Too large",
    429: "Slow down a little",
    500: "Something broke on our side",
    501: "This cannot be shown",
    503: "Busy for a moment",
}


def exception_handlers() -> dict[Any, Callable[[Any, Any], Coroutine[Any, Any, Response]]]:
    """For `Starlette(exception_handlers=…)`."""
    return {
        AppError: _app_error,
        HTTPException: _http_error,
        Exception: _unforeseen,
    }


async def _app_error(request: Request, error: AppError) -> Response:
    return await draw(request, error.status, error.code, error.message, error.field)


async def _http_error(request: Request, error: HTTPException) -> Response:
    code, message = "error", error.detail
    if error.status_code == 404:
        code, message = (
            NotFound.code,
            f"There is no page at {request.url.path[:200]}. Check the address, or start from the top.",
        )
    elif error.status_code == 405:
        code = "method_not_allowed"
        message = f"{request.scope.get('method', 'This method')} is not answered at {request.url.path[:200]}."
    return await draw(request, error.status_code, code, message, headers=dict(error.headers or {}))


async def _unforeseen(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    # Starlette raises the error again once this has answered, and the web server logs it with its traceback.
    log.error("request %s: %s %s failed: %r", number, request.scope.get("method", "-"), request.url.path, error)
    message = (
        f"The server met something nobody foresaw, so nothing is shown. Its log has the details under {number}; "
        "tell that number to whoever runs it."
    )
    return await draw(request, 500, "internal", message)


async def draw(
    request: Request,
    status: int,
    code: str,
    message: str,
    field: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The response for an error, in the form that whoever asked can read."""
    headers = headers or {}
    if isinstance(request, WebSocket):
        return await _refuse(request, status, message)
    if status == 401 and not _is_script(request):
        headers["www-authenticate"] = 'Basic realm="Gitperch", charset="UTF-8"'
    kind = kind_of(request)
    if kind == "json":
        body = {"message": message, "code": code} | ({"field": field} if field else {})
        return JSONResponse(body, status, headers)
    if kind == "text":
        return PlainTextResponse(message + "\n", status, headers)
    if status == 401:
        headers.pop("www-authenticate", None)  # a browser would cover the page with its own dialog
        if request.method in ("GET", "HEAD") and "authorization" not in request.headers:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/signin?next={quote(here, safe='/')}", 303, {"cache-control": "no-store"})
    return host_of(request).templates.response(
        request,
        "error.html",
        status,
        headers,
        title=TITLES.get(status, "That did not work"),
        number=status,
        message=message,
    )


def kind_of(request: Request) -> str:
    """What whoever asks can read: html, json or text."""
    path, accept = request.url.path, request.headers.get("accept", "")
    if path.startswith("/api/"):
        return "json"
    if _GIT_PATH.search(path) or request.headers.get("user-agent", "").startswith("git/"):
        return "text"
    if "application/json" in accept and "text/html" not in accept:
        return "json"
    return "html"


def _is_script(request: Request) -> bool:
    """A page's own script: a challenge would make the browser ask for a password out of nowhere."""
    return request.headers.get("sec-fetch-mode", "navigate") != "navigate"


async def _refuse(socket: WebSocket, status: int, message: str) -> Response:
    response = PlainTextResponse(message + "\n", status)
    if "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(response)
    else:
        await socket.close(1008, message[:120])
    return response
