"""The errors a person may see, and nothing else.

AppError
 ├─ BadRequest    400  the request itself is wrong; the message names the field
 ├─ Unauthorized  401  sign in, or the credentials are wrong
 ├─ Forbidden     403  known person, not allowed
 ├─ NotFound      404  absent, or hidden from this person
 ├─ Conflict      409  clashes with what is there
 ├─ TooLarge      413  over a limit; the message names it
 ├─ TooMany       429  slow down
 └─ Busy          503  try again in a moment

`gitperch.pages.errors` draws them as HTML, JSON or plain text, by who asks.
"""

from __future__ import annotations

from typing import ClassVar


class AppError(Exception):
    """An outcome with an HTTP status, a stable `code` for programs and a sentence for people.

    The sentence says what happened, why, and what to do next.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class BadRequest(AppError):
    status = 400
    code = "bad_request"


class Unauthorized(AppError):
    status = 401
    code = "unauthorized"


class Forbidden(AppError):
    status = 403
    code = "forbidden"


class NotFound(AppError):
    status = 404
    code = "not_found"


class Conflict(AppError):
    status = 409
    code = "conflict"


class TooLarge(AppError):
    status = 413
    code = "too_large"


class TooMany(AppError):
    status = 429
    code = "too_many_requests"


class Busy(AppError):
    status = 503
    code = "busy"
