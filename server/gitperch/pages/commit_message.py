"""A commit's message as a page shows it: links in it, trailers apart, and who else wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from gitperch.git import objects
from gitperch.git.process import UnreadableRepository
from gitperch.pages.highlight import plain

if TYPE_CHECKING:
    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git.commits import Commit
    from gitperch.pages.repository import RepositoryPage

LIMIT = 200_000  # characters of a message that are shown
NAMED = 40  # oids in a message that are looked up
_LINK = re.compile(r"(?P<url>https?://[^\s<>\"'`]+)|(?<![\w/@.#-])(?P<oid>[0-9a-f]{7,64})(?![\w/@-])")
_TRAILER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)\s?: (.*\S.*)")
_PERSON = re.compile(r"\s*(.*?)\s*<([^<>]*)>\s*")
_MEANT = re.compile(
    r"(?i)[a-z-]+-(by|to|for)|cc|fixes|closes|resolves|refs?|link|bug|issue|change-id|see-also|co-authored-by|\(cherry"
)


@dataclass(frozen=True)
class Trailer:
    """`Signed-off-by: Ada <ada@example.com>`: a key, and a person or a text."""

    key: str
    html: Markup
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Message:
    subject: Markup
    body: Markup
    trailers: list[Trailer]
    cut: bool

    @property
    def coauthors(self) -> list[Trailer]:
        found = {(t.name, t.email): t for t in self.trailers if t.key.lower() == "co-authored-by" and t.name}
        return list(found.values())


async def message_of(page: RepositoryPage, commit: Commit) -> Message:
    """With oids linked that mean a commit here."""
    text = commit.message.strip("\n")
    cut, text = len(text) > LIMIT, text[:LIMIT]
    subject, _, body = text.strip().partition("\n")
    body, trailers = apart(body.strip("\n"))
    named = [match["oid"] for match in _LINK.finditer(text) if match["oid"] and not match["oid"].isdecimal()]
    known: dict[str, str] = {}
    if named:
        try:
            known = await page.host.git.read(page.repository.path, _known, list(dict.fromkeys(named))[:NAMED])
        except UnreadableRepository:
            known = {}  # then they stay text
    root = page.root
    return Message(
        linked(subject, known, root),
        linked(body, known, root),
        [_trailer(key, value, known, root) for key, value in trailers],
        cut,
    )


def apart(body: str) -> tuple[str, list[tuple[str, str]]]:
    """A body and the trailers at its end: a last paragraph of nothing but `Key: value`, one of a usual kind (git-interpret-trailers(1))."""
    head, _, last = body.rpartition("\n\n") if "\n\n" in body else ("", "", body)
    found: list[tuple[str, str]] = []
    for line in last.split("\n"):
        match = _TRAILER.fullmatch(line)
        if match:
            found.append((match[1], match[2].strip()))
        elif line[:1].isspace() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            return body, []
    return (head.rstrip("\n"), found) if any(_MEANT.fullmatch(key) for key, _ in found) else (body, [])


def linked(text: str, known: dict[str, str], root: str) -> Markup:
    """`text` as HTML, with links to addresses and to the commits in `known`; odd characters named."""
    parts: list[Markup] = []
    at = 0
    for match in _LINK.finditer(text):
        end = match.end()
        if match["url"]:
            url = match["url"].rstrip(".,;:!?*'")
            if url.endswith(")") and "(" not in url:
                url = url[:-1]
            end = match.start() + len(url)
            link = Markup('<a href="{}" rel="noopener noreferrer nofollow ugc">{}</a>').format(url, plain(url))
        elif match["oid"] in known:
            oid = known[match["oid"]]
            link = Markup('<a class="oid" href="{}/commit/{}" data-commit="{}">{}</a>').format(
                root, oid, oid, match["oid"]
            )
        else:
            continue
        parts += [lines(text[at : match.start()]), link]
        at = end
    parts.append(lines(text[at:]))
    return Markup().join(parts)


def lines(text: str) -> Markup:
    """Odd characters named, except for the ends of lines."""
    return Markup("\n").join(plain(line.removesuffix("\r")) for line in text.split("\n"))


def _trailer(key: str, value: str, known: dict[str, str], root: str) -> Trailer:
    person = _PERSON.fullmatch(value)
    if person and (person[1] or person[2]):
        return Trailer(key, escape(value), person[1] or person[2], person[2])
    return Trailer(key, linked(value, known, root))


def _known(repository: LibgitRepository, named: list[str]) -> dict[str, str]:
    found = {name: objects.commit_oid(repository, name) for name in named}
    return {name: oid for name, oid in found.items() if oid}
