"""What templates may do with a value."""

from __future__ import annotations

import re
import time
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup, escape

from gitperch.drawing import characters
from gitperch.words import in_bytes, plural

if TYPE_CHECKING:
    import jinja2

# From how many seconds on a unit is used, and how long it is: two of a large one say more than one.
_UNITS = (
    (2 * 31_556_952, 31_556_952, "year"),
    (2 * 2_629_746, 2_629_746, "month"),
    (86_400, 86_400, "day"),
    (3_600, 3_600, "hour"),
    (60, 60, "minute"),
)
HUES = 11
_SAFE = "/!$'()*,:;=@~"
_INITIALS = re.compile(r"(?<![^\W_])(?<!['’])[^\W_]")
_ASIDE = re.compile(r"[(\[{<].*", re.DOTALL)


def install(environment: jinja2.Environment) -> None:
    environment.filters |= {
        "ago": ago,
        "bytes": in_bytes,
        "count": count,
        "hue": hue,
        "initials": initials,
        "plural": plural,
        "short": short,
        "shown": shown,
        "urlpath": urlpath,
    }


def relative(seconds: float, now: float) -> str:
    """`3 minutes ago`, `in 2 days`, `just now`."""
    distance = abs(now - seconds)
    for threshold, size, unit in _UNITS:
        if distance >= threshold:
            text = plural(int(distance // size), unit)
            return f"{text} ago" if now > seconds else f"in {text}"
    return "just now"


def ago(seconds: float | None) -> Markup:
    """A `<time>` for Unix seconds: relative, absolute on hover. Out of the calendar's range: the number."""
    if seconds is None:
        return Markup("never")
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return Markup("<time>{}</time>").format(seconds)
    absolute = f"{at.day} {at:%B %Y, %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), absolute, relative(seconds, time.time())
    )


def count(number: int) -> str:
    return f"{number:,}"


def short(oid: str) -> str:
    return oid[:8]


def shown(text: str) -> Markup:
    """Text of somebody's, in which control characters, and those that turn the direction of text, are named."""
    return Markup(characters.shown(text))  # noqa: S704 -- escaped there


def hue(name: str) -> int:
    """One of `HUES` colours, always the same for the same name."""
    return zlib.crc32(name.lower().encode("utf-8", "surrogateescape")) % HUES + 1


def initials(name: str) -> str:
    """The first letters of the first and the last word; one where there is one word. The graph's script says the same."""
    letters: list[str] = _INITIALS.findall(_ASIDE.sub("", name)) or [
        next((letter for letter in name if letter.isalnum()), "?")
    ]
    return letters[0] + (letters[-1] if len(letters) > 1 else "")


def urlpath(path: str) -> Markup:
    """A ref or a path as part of an address, its bytes kept."""
    return escape(quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE))
