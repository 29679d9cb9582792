"""The newest commit that changed each entry of a folder: one walk from the newest commit on, told as it goes.

One `git log` for each entry would walk the history as often as there are entries. This walk has half of them after a few hundred
commits, and the last ones, untouched for years, when it has gone back as far.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gitperch.git.process import GitError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterator
    from pathlib import Path

    from gitperch.git import Git

FOLLOWS_SECONDS = 5.0
CHUNK = 64 << 10
_HEADER = re.compile(rb"\n?\x01([0-9a-f]{40,64})\x01")


async def last_commits(
    git: Git, path: Path, commit: str, folder: str, names: Collection[str], seconds: float, since: str = ""
) -> AsyncGenerator[dict[str, str]]:
    """Each of `names` in `folder` with the oid of the newest commit below `commit` that changed it, some at a time, as they are found.

    It ends when all are found, at what the commit `since` reaches, or after `seconds`. Close the iterator to end git.
    No `names`: "" with the newest commit of `folder`, which may be a file.
    """
    missing = set(names or ("",))
    shown = ("-c", "--name-only", "--no-renames") if names else ("--max-count=1",)
    arguments = ("--literal-pathspecs", "log", "-z", *shown, "--format=%x01%H%x01", "--end-of-options", commit)
    where = (*([f"^{since}"] if since else []), "--", *filter(None, (folder,)))
    reading = _Reading(len(folder.encode("utf-8", "surrogateescape")) + 1 if folder else 0)
    until = asyncio.get_running_loop().time() + seconds
    # A walk that ends early, by a signal or by a commit that is not here, has still found what it has found.
    async with git.stream(*arguments, *where, path=path, timeout=seconds + 30, check=False) as process:
        assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
        assert process.stdout  # noqa: S101
        process.stdin.close()
        while missing:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await process.stdout.read(CHUNK)
            except TimeoutError:
                break
            if not chunk:
                break
            found = {}
            for name, oid in reading.pairs(chunk):
                if name in missing:
                    missing.remove(name)
                    found[name] = oid
            if found:
                yield found
        if process.returncode is None:
            process.terminate()


async def follows(git: Git, path: Path, older: str, newer: str) -> bool:
    """Whether `newer` has `older` in its history, as far as that is found out quickly."""
    asked = ("merge-base", "--is-ancestor", older, newer)
    try:
        await git.run(*asked, path=path, timeout=FOLLOWS_SECONDS)
    except GitError:
        return False
    return True


class _Reading:
    """What git says, taken apart: headers that name a commit, and paths, of which `cut` bytes lead to the folder."""

    def __init__(self, cut: int) -> None:
        self._cut = cut
        self._oid = ""
        self._rest = b""

    def pairs(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        """The names in the folder that this brings, each with its commit; "" with each commit."""
        *fields, self._rest = (self._rest + chunk).split(b"\0")
        for field in fields:
            if header := _HEADER.fullmatch(field):
                self._oid = header[1].decode("ascii")
                yield "", self._oid
            else:
                name = field.removeprefix(b"\n")[self._cut :].partition(b"/")[0]
                yield name.decode("utf-8", "surrogateescape"), self._oid
