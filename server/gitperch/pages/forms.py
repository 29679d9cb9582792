"""What browsers and programs send in a body, read within limits."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from gitperch.errors import BadRequest, TooLarge
from gitperch.host import host_of

if TYPE_CHECKING:
    from starlette.requests import Request

LIMIT = 64 << 10  # bytes
FIELDS = 100
SECONDS = 30.0  # for all of it, however slowly it drips


class Form(dict[str, str]):
    """The fields of a form; where a name comes more than once, its last value. Absent ones are ""."""

    def __missing__(self, name: str) -> str:
        return ""

    def text(self, name: str) -> str:
        """The value without blanks around it."""
        return self[name].strip()

    def checked(self, name: str) -> bool:
        return bool(self[name])


async def read_body(request: Request, limit: int, too_large: str, late: str) -> bytes:
    """The whole body, at most `limit` bytes within `SECONDS`. Raises TooLarge and BadRequest with these sentences."""
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge(too_large)
    except (TimeoutError, ClientDisconnect):
        raise BadRequest(late) from None
    return bytes(body)


def json_object(body: bytes, wrong: str) -> dict[str, Any]:
    """The JSON object in a body. Raises BadRequest with the sentence `wrong` for anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise BadRequest(wrong)
    return document


async def read_form(request: Request) -> Form:
    """The urlencoded form in the body, after its `csrf` has been checked.

    Raises TooLarge above `LIMIT` bytes, BadRequest for what is no such form, Forbidden for another site's or session's.
    """
    body = await read_body(
        request,
        LIMIT,
        f"The form is larger than {LIMIT} bytes; nothing was changed.",
        f"The form did not arrive within {SECONDS:.0f} seconds; nothing was changed.",
    )
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("This address takes forms (application/x-www-form-urlencoded) only.")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError:
        raise BadRequest("The form cannot be read; load its page again and send it once more.") from None
    form = Form(fields)
    host_of(request).sessions.check_form(request, form["csrf"])
    return form


def local_path(text: str) -> str:
    """`text` if it is a path on this very site, else "/": nobody is sent elsewhere by a link that looks like ours."""
    odd = "\\" in text or any(ord(letter) < 33 or ord(letter) == 127 for letter in text)
    return text if text.startswith("/") and not text.startswith("//") and not odd else "/"
