"""Which commit each line of a file comes from, told as git finds it (git-blame(1), `--incremental`)."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git.names import is_oid

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Collection
    from pathlib import Path

    from gitperch.git import Git

IGNORE_FILE = ".git-blame-ignore-revs"
IGNORED_MOST = 5000
_HEAD = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?) (\d+) (\d+) (\d+)\n")
_ESCAPE = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class Origin:
    """A commit that lines come from; `at` in Unix seconds. `boundary`: git looked no further, so the lines may be older."""

    oid: str
    author: str
    email: str
    at: int
    subject: str
    boundary: bool


@dataclass(frozen=True)
class Group:
    """`count` lines from `line` on (the first is 1) that came with `origin`, where they began at `source` of the file `path`.

    `previous` is the parent in which something else stood there, and the file's path in it; None where the file began.
    """

    line: int
    count: int
    source: int
    path: str
    origin: Origin
    previous: tuple[str, str] | None


def ignored_of(data: bytes) -> list[str]:
    """The commits that an ignore file names: one full oid a line, `#` before comments. Other lines are passed over."""
    lines = (line.partition("#")[0].strip().lower() for line in data.decode("utf-8", "replace").splitlines())
    return [line for line in lines if is_oid(line)][:IGNORED_MOST]


async def blame(
    git: Git,
    path: Path,
    commit: str,
    file: str,
    lines: tuple[int, int] | None = None,
    *,
    moved: bool = False,
    ignored: Collection[str] = (),
    seconds: float = 60.0,
) -> AsyncGenerator[Group]:
    """The groups of lines of `file` as `commit` has it, in the order in which git finds them, all of them once.

    `lines` (first and last) bounds it to a part, which takes less time. `moved` looks for lines that came from other files of the
    same commit. The changes of `ignored` commits count as their parents'. Close the iterator to end git.
    Raises GitError, also where the file has fewer lines or it takes longer than `seconds`.
    """
    arguments = ["-c", "core.quotePath=false", "blame", "--incremental", "-M"]
    if moved:
        arguments.append("-C")
    if lines:
        arguments.append(f"-L{lines[0]},{lines[1]}")
    with tempfile.TemporaryFile() as listed:
        listed.write("".join(f"{oid}\n" for oid in ignored).encode("ascii"))
        listed.seek(0)
        inherited = (listed.fileno(),) if ignored else ()
        arguments += [f"--ignore-revs-file=/dev/fd/{number}" for number in inherited]
        async with git.stream(
            *arguments, commit, "--", file, path=path, timeout=seconds, pass_fds=inherited
        ) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            known: dict[str, Origin] = {}
            while first := await process.stdout.readline():
                yield await _group(first, process.stdout, known)


async def _group(first: bytes, said: asyncio.StreamReader, known: dict[str, Origin]) -> Group:
    """The group whose first line has been read. A commit is described only the first time that it comes up."""
    head = _HEAD.fullmatch(first)
    if not head:
        raise ValueError(f"git blame said {first[:200]!r}")
    oid = head[1].decode("ascii")
    fields: dict[bytes, bytes] = {}
    while b"filename" not in fields:
        line = await said.readline()
        if not line:
            raise EOFError("git blame ended within a group")
        key, _, value = line.rstrip(b"\n").partition(b" ")
        fields[key] = value
    if oid not in known:
        known[oid] = Origin(
            oid,
            fields.get(b"author", b"").decode("utf-8", "replace"),
            fields.get(b"author-mail", b"").decode("utf-8", "replace").strip("<>"),
            int(fields.get(b"author-time", b"0")),
            fields.get(b"summary", b"").decode("utf-8", "replace"),
            b"boundary" in fields,
        )
    previous = None
    if b"previous" in fields:
        parent, _, name = fields[b"previous"].partition(b" ")
        previous = (parent.decode("ascii"), unquoted(name))
    return Group(int(head[3]), int(head[4]), int(head[2]), unquoted(fields[b"filename"]), known[oid], previous)


def unquoted(name: bytes) -> str:
    """A path as git prints it, in C's quotes where it holds what would not pass as a line (git-config(1), `core.quotePath`)."""
    if name.startswith(b'"') and name.endswith(b'"') and len(name) > 1:
        name = _ESCAPE.sub(_character, name[1:-1])
    return name.decode("utf-8", "surrogateescape")


def _character(escape: re.Match[bytes]) -> bytes:
    text = escape[1]
    return bytes([int(text, 8)]) if len(text) == 3 else _LETTERS.get(text, text)
