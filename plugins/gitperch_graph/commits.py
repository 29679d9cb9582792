"""Raw commit objects, as far as the graph needs them: parents and time to lay out, author and subject to show."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

# A line that begins with a space goes on with a signature, whatever it looks like.
_FIELD = re.compile(rb"^(parent|author|committer|encoding) (.*)$", re.MULTILINE)
_PERSON = re.compile(rb"([^<]*)(?:<([^>]*)>)?(?:\s+(-?\d+)(?:\s+[+-]\d+)?)?\s*", re.DOTALL)
_TEXT_LIMIT = 2000  # bytes; what is longer is neither a name nor a subject, and some decoders take long over it
_TIME_DIGITS = 15  # no clock shows more


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
    for key, value in _FIELD.findall(head):
        if key == b"parent":
            parents.append(value.decode("ascii", "replace"))
        else:
            fields.setdefault(key, value)
    encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
    author, email, _ = _person(fields.get(b"author", b""))
    _, _, time = _person(fields.get(b"committer", b""))
    return Commit(tuple(parents), _text(author, encoding), _text(email, encoding), time, _subject(message, encoding))


def _person(value: bytes) -> tuple[bytes, bytes, int]:
    match = _PERSON.match(value)
    if not match:
        return b"", b"", 0
    name, email, time = match.groups()
    return name.strip(), email or b"", int(time) if time and len(time) <= _TIME_DIGITS else 0


def _text(text: bytes, encoding: str) -> str:
    """UTF-8 as most are, else by the encoding it names, else Latin-1, in which everything means something."""
    text = text[:_TEXT_LIMIT]
    try:
        # Not `bytes.decode`: the cut may have gone through a character.
        return codecs.utf_8_decode(text, "strict", len(text) < _TEXT_LIMIT)[0]
    except UnicodeDecodeError:
        pass
    try:
        return text.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return text.decode("latin-1")


def _subject(message: bytes, encoding: str) -> str:
    """The first paragraph in one line, as `git log --format=%s` has it."""
    paragraph, _, _ = message.lstrip(b"\n").partition(b"\n\n")
    lines = (line.strip() for line in _text(paragraph, encoding).split("\n"))
    return " ".join(line for line in lines if line)
