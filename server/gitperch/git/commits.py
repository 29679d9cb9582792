"""Commits as plain values: parsed from the raw object, and listed by git in one pass."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git import objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pygit2.repository import Repository as LibgitRepository


_PERSON = re.compile(rb"(.*?)\s*<([^>]*)>(?:\s+(-?\d+)(?:\s+([+-]\d{4}))?)?.*", re.DOTALL)


@dataclass(frozen=True)
class Person:
    """Who wrote or committed, and when (Unix seconds; the zone as git has it, `+0200`)."""

    name: str
    email: str
    at: int
    zone: str


@dataclass(frozen=True)
class Commit:
    oid: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str
    signed: bool

    @property
    def subject(self) -> str:
        return self.message.strip().partition("\n")[0].rstrip("\r")

    @property
    def body(self) -> str:
        return self.message.strip().partition("\n")[2].strip("\n")


def parse(oid: str, data: bytes) -> Commit:
    """A raw commit object. What is missing or out of form in it comes out empty: people have to see such commits, too."""
    head, _, message = data.partition(b"\n\n")
    headers: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):  # a continuation, as of a signature
            key, _, value = line.partition(b" ")
            headers.setdefault(key, []).append(value)
    encoding = headers.get(b"encoding", [b"utf-8"])[0].decode("ascii", "replace")
    nobody = [b" <> 0 +0000"]
    return Commit(
        oid,
        headers.get(b"tree", [b""])[0].decode("ascii", "replace"),
        tuple(parent.decode("ascii", "replace") for parent in headers.get(b"parent", [])),
        _person(headers.get(b"author", nobody)[0], encoding),
        _person(headers.get(b"committer", nobody)[0], encoding),
        decoded(message, encoding),
        b"gpgsig" in headers or b"gpgsig-sha256" in headers,
    )


def read(repository: LibgitRepository, oid: str) -> Commit:
    """Runs inside `Git.read`. Raises MissingObject."""
    return parse(oid, objects.read(repository, oid, "commit"))


def several(repository: LibgitRepository, oids: Iterable[str]) -> dict[str, Commit]:
    """Those of the commits that are there. Runs inside `Git.read`."""
    found = {}
    for oid in set(oids):
        try:
            found[oid] = read(repository, oid)
        except objects.MissingObject:
            continue
    return found


def decoded(text: bytes, encoding: str = "utf-8") -> str:
    """Text of a commit: UTF-8 as most are, else by the `encoding` it names, else Latin-1 as the likeliest of the rest."""
    for name in ("utf-8", encoding, "latin-1"):
        try:
            return text.decode(name)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    return text.decode("utf-8", "replace")


def _person(value: bytes, encoding: str) -> Person:
    match = _PERSON.fullmatch(value)
    if not match:
        return Person(decoded(value, encoding), "", 0, "+0000")
    name, email, at, zone = match.groups()
    return Person(decoded(name, encoding), decoded(email, encoding), int(at or 0), (zone or b"+0000").decode("ascii"))
