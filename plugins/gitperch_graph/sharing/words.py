"""Text for pictures: escaped, cut to a width, and times as people say them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from html import escape

# What XML forbids (https://www.w3.org/TR/xml/#charsets), and what turns the direction of the text around it.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_WIDTHS = {0.25: "iIl.,:;'|!", 0.34: 'fjrt()[]{}-"/\\*` ', 0.86: "mwMW@%&—…"}
_BY_CHARACTER = {character: width for width, characters in _WIDTHS.items() for character in characters}
_UNITS = ((31_556_952, "year"), (2_629_746, "month"), (86_400, "day"), (3600, "hour"), (60, "minute"))


def clean(text: str) -> str:
    """In one line, without characters that no picture may hold."""
    return " ".join(_UNWANTED.sub("", text).split())


def escaped(text: str) -> str:
    """For an element's text or a quoted attribute."""
    return escape(text, quote=True)


def width(text: str, size: float) -> float:
    """About how many px a text takes in a sans-serif font of `size` px."""
    return sum(map(_width, text)) * size


@lru_cache(2000)
def _width(character: str) -> float:
    if character in _BY_CHARACTER:
        return _BY_CHARACTER[character]
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    return 0.67 if character.isupper() else 0.56


def cut(text: str, room: float, size: float) -> str:
    """As much of a text as fits into `room` px, with an ellipsis where that is not all."""
    text = text[:2000]
    if width(text, size) <= room:
        return text
    room -= width("…", size)
    for end, character in enumerate(text):
        room -= _width(character) * size
        if room < 0:
            return text[:end].rstrip() + "…"
    return text


def day(seconds: int) -> str:
    """`14 Nov 2026`, in UTC; empty for what no calendar has."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{at.day} {at:%b %Y}"


def ago(seconds: int, now: float) -> str:
    """`3 days ago`; the day where it is yet to come."""
    age = int(now - seconds)
    if age < -60:
        return day(seconds)
    for size, unit in _UNITS:
        if age >= size:
            number = age // size
            return f"{number} {unit}{'' if number == 1 else 's'} ago"
    return "just now"
