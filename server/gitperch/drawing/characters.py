"""Text as HTML in which nothing hides: control characters and those that turn the direction of text are named."""

from __future__ import annotations

import re

from markupsafe import escape

# C0 without tab, C1, soft hyphen, direction marks, separators, invisible operators, BOM, noncharacters, tags; lone surrogates
# are bytes that were no UTF-8. Joiners stay: Persian and emoji are written with them. ("Trojan Source", CVE-2021-42574.)
_ODD = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTROLS = """NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS
    US""".split()
_EMPTY = re.compile(r"<span [^>]*></span>")
_UNIT = re.compile(r"(<i [^>]*>[^<]*</i>)|(</[^>]*>)|(<[^>]*>)|(&[^;]*;)|([^<&]+)")


def shown(text: str) -> str:
    """`text` escaped, each odd character as `<i class="odd" title="U+202E">…</i>`."""
    if text.isascii() and text.isprintable():  # most lines
        return str(escape(text))
    parts, at = [], 0
    for match in _ODD.finditer(text):
        parts += [str(escape(text[at : match.start()])), _named(match[0])]
        at = match.end()
    parts.append(str(escape(text[at:])))
    return "".join(parts)


def marked(html: str, ranges: list[tuple[int, int]]) -> str:
    """`html`, as `shown` or the colouring made it, with `<mark>` around `ranges` of its text: sorted, apart, in characters."""
    if not ranges:
        return html
    out: list[str] = []
    opened, at, edges = "", 0, [edge for pair in ranges for edge in pair]
    inside = False
    turn = 0  # the next edge

    def cross() -> None:
        nonlocal inside, turn
        out.append(f"{'</span>' if opened else ''}{'</mark>' if inside else '<mark>'}{opened}")
        inside = not inside
        turn += 1

    for odd, close, tag, entity, run in _UNIT.findall(html):
        if close or tag:
            out.append(close or tag)
            opened = tag
            continue
        text, length = odd or entity or run, len(run) or 1
        start = 0
        while turn < len(edges) and edges[turn] < at + length:
            cut = max(0, edges[turn] - at)
            out.append(text[start:cut] if run else "")
            start = cut
            cross()
        out.append(text[start:] if run else text)
        at += length
    if inside:
        cross()
    return _EMPTY.sub("", "".join(out))


def _named(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:
        return f'<i class="odd" title="A byte that is not UTF-8">{number - 0xDC00:02X}</i>'
    picture = _CONTROLS[number] if number < 0x20 else "DEL" if number == 0x7F else f"U+{number:04X}"
    return f'<i class="odd" title="U+{number:04X}">{picture}</i>'
