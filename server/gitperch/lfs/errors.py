"""What can be wrong with a request about large files, besides what can be wrong with any."""

from __future__ import annotations

from gitperch.errors import AppError


class Gone(AppError):
    """The object was here, and its bytes are lost."""

    status = 410
    code = "gone"


class Invalid(AppError):
    """The request can be read, but not meant."""

    status = 422
    code = "invalid"


class NotAcceptable(AppError):
    status = 406
    code = "not_acceptable"


class UnsupportedMediaType(AppError):
    status = 415
    code = "unsupported_media_type"


class TooSlow(AppError):
    status = 408
    code = "too_slow"
