"""The commits that changed a file or a folder, newest first; a file is followed to where it was before it was renamed.

git's own `--follow` looks into every commit, whatever its commit-graph file knows of changed paths, and cannot be paged. So a
history is read as stretches: `git log` for one name, and at the commit that brought the name, one look for where it came from.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitperch.git.process import GitError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator
    from pathlib import Path

    from gitperch.git import Git

_HEADER = re.compile(rb"\n?\x01([0-9a-f]{40,64})\x01")
_RAW = re.compile(rb"\n?:\d{6} \d{6} [0-9a-f]+ [0-9a-f]+ ([A-Z])\d*")
_COUNTS = re.compile(rb"\n?(\d+|-)\t(\d+|-)\t.*", re.DOTALL)
RENAME_SECONDS = 10.0
BEGINS = ("A", "")  # what the first change under a name may be: added, or a merge that brought it
STRETCHES = 50  # renames that one look at a history goes back over


@dataclass(frozen=True)
class Cursor:
    """Where to go on: behind the newest `skip` changes of `path` among what `start` reaches."""

    start: str
    path: str
    skip: int = 0


@dataclass(frozen=True)
class Change:
    """`oid` changed `path`. `status` is git's letter (A, M, D, T; R with the name before in `before`), "" for folders and merges.

    Lines `added` and `deleted` are None for what is not text, and for folders and merges.
    """

    oid: str
    path: str
    status: str = ""
    before: str = ""
    added: int | None = None
    deleted: int | None = None


@dataclass(frozen=True)
class Changes:
    """A page of a history; `next` is None at its end. Not `whole`: time was up before there were as many as were asked for."""

    changes: list[Change]
    next: Cursor | None
    whole: bool


async def changes(git: Git, path: Path, cursor: Cursor, limit: int, seconds: float, *, folder: bool = False) -> Changes:
    """Up to `limit` changes from `cursor` on, as far as they are found in `seconds`. Raises GitError."""
    found: list[Change] = []
    reached = cursor
    try:
        async with asyncio.timeout(seconds):
            for _ in range(STRETCHES):
                wanted = limit + 1 - len(found)
                async with aclosing(_stretch(git, path, reached, wanted, seconds, folder=folder)) as stretch:
                    async for change in stretch:
                        if len(found) == limit:
                            return Changes(found, reached, True)
                        found.append(change)
                        reached = replace(reached, skip=reached.skip + 1)
                renamed = None if folder or not found else await _before(git, path, found[-1])
                if not renamed:
                    return Changes(found, None, True)
                found[-1], reached = renamed
    except TimeoutError:
        if found and found[-1].status in BEGINS:  # whether it was renamed is not known: the next look begins with it
            found.pop()
            reached = replace(reached, skip=reached.skip - 1)
    return Changes(found, reached, False)


async def _stretch(
    git: Git, path: Path, cursor: Cursor, limit: int, seconds: float, *, folder: bool
) -> AsyncGenerator[Change]:
    """At most `limit` changes under one name."""
    shown = () if folder else ("--raw", "--numstat", "--no-abbrev", "--no-renames")
    arguments = ("--literal-pathspecs", "log", "-z", *shown, "--format=%x01%H%x01", f"--max-count={limit}")
    where = ("--", cursor.path) if cursor.path else ("--",)
    async with git.stream(
        *arguments, f"--skip={cursor.skip}", "--end-of-options", cursor.start, *where, path=path, timeout=seconds + 5
    ) as process:
        assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
        assert process.stdout  # noqa: S101
        process.stdin.close()
        change: Change | None = None
        async for field in _fields(process.stdout):
            if header := _HEADER.fullmatch(field):
                if change:
                    yield change
                change = Change(header[1].decode("ascii"), cursor.path)
            elif change and not change.status and (raw := _RAW.fullmatch(field)):
                change = replace(change, status=raw[1].decode("ascii"))
            elif change and (counts := _COUNTS.fullmatch(field)) and counts[1] != b"-":
                change = replace(change, added=int(counts[1]), deleted=int(counts[2]))
        if change:
            yield change


async def _fields(said: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        try:
            yield (await said.readuntil(b"\0"))[:-1]
        except asyncio.IncompleteReadError:
            return


async def _before(git: Git, path: Path, first: Change) -> tuple[Change, Cursor] | None:
    """`first`, the oldest change under its name, as the renaming that it was, and where to go on; None where the file began."""
    if first.status not in BEGINS:
        return None
    listed = await git.run("rev-list", "--parents", "--max-count=1", "--end-of-options", first.oid, path=path)
    for parent in listed.decode("ascii").split()[1:]:
        compared = ("--literal-pathspecs", "diff-tree", "-r", "-z", "--raw", "--numstat", "--follow", parent, first.oid)
        try:
            said = await git.run(*compared, "--", first.path, path=path, timeout=RENAME_SECONDS)
        except GitError:  # the parent is not here, or it takes too long
            continue
        fields = said.split(b"\0")
        if not (raw := _RAW.fullmatch(fields[0])) or raw[1] != b"R":
            continue
        counts = _COUNTS.fullmatch(fields[3]) if len(fields) > 3 else None
        added, deleted = (int(counts[1]), int(counts[2])) if counts and counts[1] != b"-" else (None, None)
        before = fields[1].decode("utf-8", "surrogateescape")
        return replace(first, status="R", before=before, added=added, deleted=deleted), Cursor(parent, before)
    return None
