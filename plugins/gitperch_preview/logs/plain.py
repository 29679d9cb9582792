"""What an app says, as text that cannot steer a terminal or a page."""

from __future__ import annotations

import re

_TAIL = 256  # bytes; a longer escape sequence is none that anybody needs
# ECMA-48: colours (SGR), other control sequences, strings up to their end, other escapes; controls but for line feed and tab,
# and the characters of Unicode that turn the direction of text.
_ODD = re.compile(
    "(\x1b\\[[0-9;:]*m)|\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)|\x1b[ -/]*[0-~]"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_BEGUN = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)|\r|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)


def text_of(data: bytes, *, colours: bool) -> str:
    """`data` as lines: without control characters and escape sequences but, with `colours`, those that set colours and weight.

    A carriage return, by which programs draw over their own line, begins a new one.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _ODD.sub(lambda found: (found[1] or "") if colours else "", text)


def whole(data: bytes) -> int:
    """How many bytes of `data` can be shown before more comes: no character, sequence or line's end is cut in two."""
    start = max(0, len(data) - _TAIL)
    begun = _BEGUN.search(data, start)
    return begun.start() if begun else len(data)
