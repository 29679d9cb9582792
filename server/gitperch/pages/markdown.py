"""Markdown as people know it from READMEs, made safe, with relative links that lead somewhere."""

from __future__ import annotations

import itertools
import posixpath
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from markupsafe import Markup

from gitperch.pages.sanitizer import sanitized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it.token import Token

LIMIT = 300_000  # bytes of a text that is rendered
ANCHOR = "md-"  # in front of every id, so that no heading can stand in for an element of the page
_README = re.compile(r"readme(\.(md|markdown|mkd|txt|rst))?", re.IGNORECASE)
_PREFERRED = (".md", ".markdown", ".mkd", "", ".txt", ".rst")


def is_markdown(name: str) -> bool:
    return name.lower().endswith((".md", ".markdown", ".mkd"))


def readme_of(names: Sequence[str]) -> str | None:
    """The name of the README among `names`: Markdown before plain text."""
    found = [name for name in names if _README.fullmatch(name)]
    return min(found, key=lambda name: _PREFERRED.index(posixpath.splitext(name)[1].lower()), default=None)


def render(text: str, base: str, folder: str) -> Markup:
    """`text` as HTML. Relative links lead to `base.format("blob")`, pictures to `base.format("raw")`, seen from `folder`.

    `base` is such as `/owner/name/{}/main/`. Raw HTML passes an allow-list, since READMEs place their pictures with it.
    """
    from markdown_it import MarkdownIt  # late: 1 MB that only READMEs need

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(text)
    _anchor(tokens)
    _tick(tokens)
    html = parser.renderer.render(tokens, parser.options, {})
    kinds = {"href": base.format("blob"), "src": base.format("raw")}
    # The sanitizer writes every tag, attribute and text of its output itself.
    return Markup(sanitized(html, lambda address, name: _resolved(address, kinds[name], folder), ANCHOR))  # noqa: S704


def _anchor(tokens: Sequence[Token]) -> None:
    """Give headings the ids that people link to."""
    seen: dict[str, int] = {}
    for heading, inline in itertools.pairwise(tokens):
        if heading.type == "heading_open":
            slug = re.sub(r"[^\w\- ]", "", inline.content.lower()).strip().replace(" ", "-")
            number = seen[slug] = seen.get(slug, -1) + 1
            heading.attrSet("id", f"{slug}-{number}" if number else slug)


def _tick(tokens: Sequence[Token]) -> None:
    """Draw the boxes of task lists."""
    for opening, _, inline in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "list_item_open" and inline.type == "inline" and inline.children:
            first = inline.children[0]
            for mark, box in (("[ ] ", "☐ "), ("[x] ", "☑ "), ("[X] ", "☑ ")):
                if first.content.startswith(mark):
                    first.content = box + first.content[len(mark) :]


def _resolved(address: str, base: str, folder: str) -> str:
    """A relative address as one of this repository's; an absolute one as it is."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "#"
    if parts.scheme or parts.netloc:
        return address
    fragment = f"#{ANCHOR}{parts.fragment}" if parts.fragment else ""
    if not parts.path:
        return fragment or "#"
    # An absolute path means the top of the repository; nothing leads above it.
    joined = posixpath.normpath(posixpath.join("/", folder, unquote(parts.path)))
    return base + quote(joined.lstrip("/")) + fragment
