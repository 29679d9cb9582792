"""What a setting may be called and hold."""

from __future__ import annotations

import re

from gitperch.errors import BadRequest
from gitperch_preview.logs.masking import LEAST
from gitperch_preview.recipes.variables import reserved

NAMES = 200
NAME_LIMIT = 128  # characters
VALUE_LIMIT = 32 << 10  # bytes; Linux takes 128 KB for one
TOTAL_LIMIT = 512 << 10  # bytes of all values of a repository; Linux takes 2 MB at least for a whole environment
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")


def checked_name(name: str) -> str:
    """`name`, if a setting can be called so. Raises BadRequest."""
    if not _NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise BadRequest(
            f"The name {name[:60]!r} cannot be used: it has to be capital letters, digits and underscores, not a digit first, "
            f"{NAME_LIMIT} at most.",
            field="name",
        )
    why = reserved(name)
    if why:
        raise BadRequest(why, field="name")
    return name


def checked_value(name: str, value: str, secret: bool) -> bytes:
    """The bytes of `value`, if a setting can hold it. Raises BadRequest that does not repeat it."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise BadRequest(
            f"The value of {name} is no valid Unicode text; encode it, in base64 for example.", field="value"
        ) from None
    if secret and len(value) < LEAST:
        raise BadRequest(
            f"The secret {name} is shorter than {LEAST} characters, so logs could not hide it; choose a longer one.",
            field="value",
        )
    if b"\0" in data:
        raise BadRequest(
            f"The value of {name} has a NUL character, which no environment can hold; encode it.", field="value"
        )
    if len(data) > VALUE_LIMIT:
        raise BadRequest(
            f"The value of {name} has {len(data)} bytes; it can have {VALUE_LIMIT} at most.", field="value"
        )
    return data
