"""HTML that strangers wrote, rewritten from an allow-list: what is not known is left out, what is open is closed.

The input is never passed on: every tag, attribute and text that comes out was written here.
"""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TAGS = frozenset(
    """a b blockquote br center code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p picture pre
    q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var""".split()
)
_EMPTY = frozenset(["br", "hr", "img"])
_SILENT = frozenset("iframe math noembed noframes noscript object script style svg template textarea title xmp".split())
_ATTRIBUTES = {
    "a": ("href", "title"),
    "img": ("src", "alt", "title", "width", "height"),
    "details": ("open",),
    "ol": ("start",),
    "td": ("colspan", "rowspan"),
    "th": ("colspan", "rowspan"),
}
_ALIGNMENTS = ("left", "center", "right")
_SCHEMES = {"href": ("", "http", "https", "mailto"), "src": ("", "http", "https")}
# A paragraph ends where one of these begins (HTML, "optional tags"); the browser would do it, so it is done here.
_ENDS_PARAGRAPH = frozenset("blockquote center details div dl h1 h2 h3 h4 h5 h6 hr ol p pre table ul".split())
DEPTH = 60


def sanitized(html: str, address: Callable[[str, str], str], anchor: str) -> str:
    """`html` with known tags only, balanced.

    `address(value, name)` gives the final form of an `href` or `src`; ids get `anchor` in front.
    """
    writer = _Writer(address, anchor)
    writer.feed(html)
    writer.close()
    return writer.finished()


class _Writer(HTMLParser):
    def __init__(self, address: Callable[[str, str], str], anchor: str) -> None:
        super().__init__(convert_charrefs=True)
        self._address = address
        self._anchor = anchor
        self._out: list[str] = []
        self._open: list[str] = []
        self._silent: list[str] = []

    def finished(self) -> str:
        self._close_until(0)
        return "".join(self._out)

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent.append(tag)
        if self._silent or tag not in _TAGS or len(self._open) >= DEPTH:
            return
        if tag in _ENDS_PARAGRAPH and "p" in self._open:
            self._close_until(len(self._open) - 1 - self._open[::-1].index("p"))
        written = "".join(self._attribute(tag, name, value or "") for name, value in dict(attributes).items())
        self._out.append(f"<{tag}{written}>")
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)  # `<p/>` opens a paragraph in HTML

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag == self._silent[-1]:
                self._silent.pop()
        elif tag in self._open:
            self._close_until(len(self._open) - 1 - self._open[::-1].index(tag))

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._out.append(escape(data, quote=False))

    def _close_until(self, depth: int) -> None:
        while len(self._open) > depth:
            self._out.append(f"</{self._open.pop()}>")

    def _attribute(self, tag: str, name: str, value: str) -> str:
        if name in _SCHEMES and name in _ATTRIBUTES.get(tag, ()):
            kept = self._kept_address(name, value)
            rel = ' rel="nofollow noopener"' if name == "href" else ' loading="lazy"'
            return f' {name}="{escape(kept)}"{rel}' if kept else ""
        if name == "style":  # as Markdown's own tables say it; the page's policy knows no inline styles
            name, value = "align", value.removeprefix("text-align:")
        if name == "align":
            return f' align="{value.lower()}"' if value.lower() in _ALIGNMENTS else ""
        if name == "id" or (tag, name) == ("a", "name"):
            return f' id="{escape(self._anchor + value)}"'
        if name in ("width", "height", "colspan", "rowspan", "start"):
            number = value.removesuffix("px")
            allowed = name in _ATTRIBUTES.get(tag, ()) and number.removesuffix("%").isdecimal() and len(number) < 6
            return f' {name}="{number}"' if allowed else ""
        return f' {name}="{escape(value)}"' if name in _ATTRIBUTES.get(tag, ()) else ""

    def _kept_address(self, name: str, value: str) -> str:
        value = "".join(letter for letter in value.strip() if letter >= " ")
        try:
            scheme = urlsplit(value).scheme.lower()
        except ValueError:
            return ""
        return self._address(value, name) if scheme in _SCHEMES[name] else ""
