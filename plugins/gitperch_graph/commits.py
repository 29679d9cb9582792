"""Raw commit objects, as far as the graph needs them: parents and time to lay out, author and subject to show."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PERSON = re.compile(rb"([^<]*)(?:<([^>]*)>)?(?:\s+(-?\d+)(?:\s+[+-]\d+)?)?\s*", re.DOTALL)
_SUBJECT_LIMIT = 1000  # characters; what is longer is no subject


@dataclass(frozen=True)
class Commit:
    """`time` is the committer's, in Unix seconds. Texts that a commit lacks are empty."""

    parents: tuple[str, ...]
    author: str
    email: str
    time: int
    subject: str


def parsed(data: bytes) -> Commit:
    """A commit as gitformat has it; what is out of form in it comes out empty, since such commits exist and have to be seen."""
    head, _, message = data.partition(b"\n\n")
    parents: list[str] = []
    fields: dict[bytes, bytes] = {}
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"parent":
            parents.append(value.decode("ascii", "replace"))
        elif key:  # a line that begins with a space goes on with a signature
            fields.setdefault(key, value)
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author, email, _ = _person(fields.get(b"author", b""))
    _, _, time = _person(fields.get(b"committer", b""))
    return Commit(
        tuple(parents), _text(author, encoding), _text(email, encoding), time, _subject(_text(message, encoding))
    )


def _person(value: bytes) -> tuple[bytes, bytes, int]:
    match = _PERSON.match(value)
    if not match:
        return b"", b"", 0
    name, email, time = match.groups()
    return name.strip(), email or b"", int(time or 0)


def _text(text: bytes, encoding: str) -> str:
    """UTF-8 as most are, else by the encoding it names, else Latin-1, in which everything means something."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        pass
    try:
        return text.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return text.decode("latin-1")


def _subject(message: str) -> str:
    """The first paragraph in one line, as `git log --format=%s` has it."""
    paragraph, _, _ = message.lstrip("\n").partition("\n\n")
    return " ".join(line.strip() for line in paragraph.split("\n") if line.strip())[:_SUBJECT_LIMIT]
