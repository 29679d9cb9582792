"""What git says of commits: who, when, and how many lines of which files, from one `git diff-tree` that is fed with oids."""

from __future__ import annotations

import os
import secrets
import select
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = "--format=%x01%H%n%P%n%ct%n%ad%n%an%n%ae"
DIFF = (
    # A file above is no text: to compare two unlike ones takes thirty times their size.
    *("-c", "core.bigFileThreshold=8m"),
    # As fast as with the server's own limits, in less than half of the memory.
    *("-c", "core.packedGitLimit=64m", "-c", "core.packedGitWindowSize=8m"),
    *("diff-tree", "--stdin", "--root", "--always", "-r", "-z", "--numstat", "-M", "-l200"),
    *("--no-ext-diff", "--no-textconv", "--date=raw", FORMAT),
)
HEADERS = ("log", "--stdin", "--no-walk=unsorted", "--no-patch", "-z", "--no-show-signature", "--date=raw", FORMAT)
BATCH = 200  # oids at a time: what git reads of them at once fits into a pipe
SECONDS = 60.0
ALONE_SECONDS = 15.0
OUTPUT = 64 << 20  # bytes about one batch
PER_PROCESS = 20_000  # commits, after which git's memory is given back
FAILURES = 30  # commits in a row, after which none are asked about any more: the trees are not here
_READ = 1 << 18


class Change(NamedTuple):
    """A file in a commit; lines are 0 for a binary one. A renamed file has its new path."""

    path: bytes
    added: int
    deleted: int


@dataclass(frozen=True)
class Record:
    """One commit. `local_at` is the author's time as his own clock showed it. `unread`: git could not tell what changed."""

    oid: str
    parents: tuple[str, ...]
    committed_at: int
    local_at: int
    author: tuple[str, str]
    changes: list[Change] = field(default_factory=list)
    unread: bool = False


class _Unanswered(Exception):
    """git ended, said too much or took too long."""


class Reader:
    """Reads commits in the repository whose folder this process works in. Use `with`: it ends its git."""

    def __init__(self, git: str, boundary: frozenset[str] = frozenset()) -> None:
        """`boundary`: commits whose parents a shallow history does not have, so that all of their files would look new."""
        self._git = git
        self._boundary = boundary
        self._process: _Differ | None = None
        self._failures = 0
        self._careful = 0  # so many commits are to be asked about alone, since one of them cannot be diffed

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def read(self, oids: Sequence[str]) -> tuple[list[Record], int]:
        """The records of the first of `oids`, of one at least, and how many those are. A commit that git cannot read has none.

        Of one that cannot be diffed there is what it says itself.
        """
        if self._failures >= FAILURES:
            return self._headers(oids), len(oids)
        if self._careful:
            self._careful -= 1
            oids = oids[:1]
        try:
            asked = [oid for oid in oids if oid not in self._boundary]
            found = {record.oid: record for record in self._diffed(asked, ALONE_SECONDS if len(oids) == 1 else SECONDS)}
            self._failures = 0
        except _Unanswered:
            if len(oids) > 1:
                self._careful = len(oids)
                return self.read(oids)
            self._failures += 1
            found = {}
        if missing := [oid for oid in oids if oid not in found]:
            found |= {record.oid: record for record in self._headers(missing)}
        return [found[oid] for oid in oids if oid in found], len(oids)

    def _diffed(self, oids: Sequence[str], seconds: float) -> list[Record]:
        if not oids:
            return []
        if self._process is None or self._process.asked > PER_PROCESS:
            self._end()
            self._process = _Differ(self._git)
        try:
            return parsed(self._process.ask(oids, seconds))
        except _Unanswered:
            self._end()
            raise

    def _headers(self, oids: Sequence[str]) -> list[Record]:
        done = subprocess.run(
            [self._git, *HEADERS], input="\n".join([*oids, ""]).encode(), capture_output=True, check=False, timeout=120
        )
        return [
            Record(one.oid, one.parents, one.committed_at, one.local_at, one.author, unread=len(one.parents) < 2)
            for one in parsed(done.stdout)
        ]

    def _end(self) -> None:
        if self._process:
            self._process.end()
            self._process = None


class _Differ:
    """A running `git diff-tree --stdin`. A line that is no oid comes back as it is, when everything before it is told."""

    def __init__(self, git: str) -> None:
        self.asked = 0
        self._process = subprocess.Popen(
            [git, *DIFF], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin  # noqa: S101 -- pipes, as asked for
        assert self._process.stdout  # noqa: S101
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()

    def ask(self, oids: Sequence[str], seconds: float) -> bytes:
        self.asked += len(oids)
        mark = f"end {secrets.token_hex(16)}\n".encode()  # nobody can have named a file so
        until = time.monotonic() + seconds
        output = bytearray()
        try:
            os.write(self._stdin, "\n".join([*oids, ""]).encode() + mark)
            while not output.endswith(mark):
                ready, _, _ = select.select([self._stdout], [], [], max(0.0, until - time.monotonic()))
                chunk = os.read(self._stdout, _READ) if ready else b""
                output += chunk
                if not chunk or len(output) > OUTPUT:
                    raise _Unanswered
        except BrokenPipeError:
            raise _Unanswered from None
        return bytes(output[: -len(mark)])

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def parsed(output: bytes) -> list[Record]:
    """The commits in git's words, in their order."""
    found: list[Record] = []
    tokens = iter(output.split(b"\0"))
    for token in tokens:
        if token[:1] == b"\x01":
            found.append(_header(token))
        elif token.strip(b"\n"):
            added, deleted, path = token.lstrip(b"\n").split(b"\t", 2)
            if not path:  # a rename: the paths before and after follow
                next(tokens)
                path = next(tokens)
            lines = (0, 0) if added == b"-" else (int(added), int(deleted))
            found[-1].changes.append(Change(path, *lines))
    return found


def _header(token: bytes) -> Record:
    oid, parents, committed, authored, name, email = token[1:].decode("utf-8", "replace").split("\n")[:6]
    seconds, _, zone = authored.partition(" ")
    return Record(
        oid,
        tuple(parents.split()),
        int(committed or 0),
        int(seconds or 0) + _offset(zone),
        (name.strip(), email.strip()),
    )


def _offset(zone: str) -> int:
    """Seconds east of Greenwich of `+0530`; 0 for what no clock shows."""
    digits = zone[1:]
    if len(digits) != 4 or not digits.isascii() or not digits.isdigit() or int(digits) > 1400:
        return 0
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds
