"""The patches of chosen files, each by itself, from as few git processes as that takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitperch.git.bounded import looked_up
from gitperch.git.diff.changes import COMMON, RENAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.git.diff.changes import FileChange, Span

SECONDS = 8.0
CONTEXT = 3  # lines around a change
WHOLE = 1_000_000  # lines of context: all of them
_ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}
_ESCAPED = re.compile(rb'\\([0-7]{3}|[abtnvfr"\\])')


async def patches(
    git: Git, path: Path, span: Span, files: Sequence[FileChange], *, limit: int, context: int = CONTEXT
) -> dict[str, bytes]:
    """The patch of each of `files` by its path, with `context` lines around each change. Raises GitError, Busy.

    A file is missing where there was no time, or where git said more than `limit` bytes before, and where nothing but blank space differs
    and that is left out; the last one may be cut off.
    A file that became a link has two parts, one gone and one come.
    """
    found: dict[str, bytes] = {}
    left = limit
    for options, chosen in _groups(span, files):
        if not chosen or left <= 0:
            continue
        output, whole = await looked_up(
            git,
            *("diff-tree", *COMMON, *options, f"-U{context}", *span.arguments, "--"),
            *(f":(literal){name}" for file in chosen for name in (file.old_path, file.path) if name),
            path=path,
            limit=left,
            seconds=SECONDS,
        )
        left -= len(output)
        wanted = {file.path for file in chosen}
        for section in _sections(output):
            name = _named(section)
            if name in wanted:
                found[name] = found.get(name, b"") + section
        if not whole:
            break
    return found


def _groups(span: Span, files: Sequence[FileChange]) -> Iterator[tuple[tuple[str, ...], list[FileChange]]]:
    """Renames apart from the rest, which they could be mistaken for where not all files are named."""
    if span.combined:
        yield ("--cc", "-p"), list(files)
        return
    yield ("-p", "--no-renames"), [file for file in files if not file.old_path]
    yield ("-p", *RENAMES), [file for file in files if file.old_path]


def _sections(output: bytes) -> Iterator[bytes]:
    """The parts of a patch. Lines of content begin with a blank or a sign, so `diff ` is never one of them."""
    starts = [0] if output.startswith(b"diff ") else []
    at = 0
    while (at := output.find(b"\ndiff ", at)) >= 0:
        at += 1
        starts.append(at)
    for start, end in zip(starts, [*starts[1:], len(output)], strict=True):
        yield output[start:end]


def _named(section: bytes) -> str:
    """The path that a part is about, as its header has it."""
    header = section[: end if (end := section.find(b"\n@@")) >= 0 else len(section)]
    for line in header.split(b"\n"):
        for mark in (b"diff --cc ", b"rename to ", b"copy to "):
            if line.startswith(mark):
                return _name(line.removeprefix(mark))
    # `a/PATH b/PATH`, or both in quotes: two halves of one length, so a blank in a path does no harm.
    both = header.partition(b"\n")[0].removeprefix(b"diff --git ")
    return _name(both[: len(both) // 2]).removeprefix("a/")


def _name(quoted: bytes) -> str:
    """A path as git quotes odd ones: in C's way, inside double quotes."""
    if quoted.startswith(b'"') and quoted.endswith(b'"'):

        def byte(match: re.Match[bytes]) -> bytes:
            code = match[1].decode("ascii")
            return bytes([_ESCAPES[code] if code in _ESCAPES else int(code, 8) & 0xFF])

        quoted = _ESCAPED.sub(byte, quoted[1:-1])
    return quoted.decode("utf-8", "surrogateescape")
