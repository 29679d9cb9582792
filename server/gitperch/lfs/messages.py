"""Requests and answers in `application/vnd.git-lfs+json`."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitperch.errors import AppError, BadRequest, TooLarge
from gitperch.lfs.errors import Invalid, NotAcceptable, TooSlow, UnsupportedMediaType
from gitperch.transport.body import Body, ClientGone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

log = logging.getLogger("gitperch.lfs")

MEDIA_TYPE = "application/vnd.git-lfs+json"
LIMIT = 1 << 20  # bytes of a request
_CHALLENGE = 'Basic realm="Gitperch", charset="UTF-8"'


class Reply(JSONResponse):
    media_type = MEDIA_TYPE


def answered(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """`handle`, with what goes wrong in it told as git-lfs can show it."""

    async def answer(request: Request) -> Response:
        try:
            try:
                return await handle(request)
            except ClientGone:
                raise TooSlow("Nothing more of the request came, so it was let go. Send it again.") from None
        except AppError as error:
            headers = {}
            if error.status == 401:
                # The second is for clients that know no other; a browser would open its own dialog only for a page.
                headers = {"lfs-authenticate": _CHALLENGE, "www-authenticate": _CHALLENGE}
            return Reply({"message": error.message}, error.status, headers)

    return answer


def check_accept(request: Request) -> None:
    """Raises NotAcceptable for a client that cannot take what the answers are written in."""
    accept = request.headers.get("accept", "*/*").lower()
    if not any(part.split(";")[0].strip() in (MEDIA_TYPE, "application/*", "*/*") for part in accept.split(",")):
        raise NotAcceptable(f"The Accept header has to be {MEDIA_TYPE}.")


async def document(request: Request, stall_seconds: float) -> dict[str, Any]:
    """The JSON object that a request holds. Raises NotAcceptable, UnsupportedMediaType, BadRequest, Invalid, TooLarge."""
    check_accept(request)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != MEDIA_TYPE:
        raise UnsupportedMediaType(f"The Content-Type header has to be {MEDIA_TYPE}.")
    body = Body(request.receive, request.headers.get("content-encoding", ""), LIMIT, stall_seconds)
    data = await body.whole(LIMIT)
    if data is None:
        raise TooLarge(f"The request is larger than {LIMIT} bytes. Send its objects in several.")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadRequest("The request is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise Invalid("The request has to be a JSON object.")
    ref = value.get("ref")
    if ref is not None and not (isinstance(ref, dict) and isinstance(ref.get("name"), str)):
        raise Invalid("ref has to be an object with the name of a ref, or to be left out.")
    return value


def is_size(value: object) -> bool:
    """Whether `value` is a number of bytes that a file could have."""
    return type(value) is int and 0 <= value < 1 << 63
