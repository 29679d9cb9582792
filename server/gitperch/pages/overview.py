"""What the list says about a repository's git: its newest branches and twelve weeks of commits, kept until its refs move."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch.git.bounded import beginning
from gitperch.git.commits import decoded

if TYPE_CHECKING:
    from gitperch.git import Git
    from gitperch.repositories import Repository

WEEKS = 12
WEEK = 7 * 86400
COMMITS = 5000
SECONDS = 2.0
BRANCHES = 8
KEPT = 500
AT_ONCE = 4
_FORMAT = "%(refname:lstrip=2)%00%(objectname)%00%(committerdate:unix)%00%(authorname)%00%(contents:subject)"


@dataclass(frozen=True)
class Tip:
    """A branch and the commit it points to."""

    branch: str
    oid: str
    at: int
    author: str
    subject: str


@dataclass(frozen=True)
class Overview:
    """`tips` are the default branch and those with the newest commits; `weeks` counts commits, the present week last."""

    tips: tuple[Tip, ...]
    weeks: tuple[int, ...]


class Overviews:
    """Computes them, a few at a time, and keeps the latest."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[object, ...], Overview]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def of(self, git: Git, repository: Repository) -> Overview:
        state = state_of(repository)
        kept = self._kept.get(repository.id)
        if kept and kept[0] == state:
            return kept[1]
        async with self._turns:
            overview = await _look(git, repository)
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[repository.id] = (state, overview)
        return overview


def state_of(repository: Repository) -> tuple[object, ...]:
    """Changes whenever refs do, and with the day."""
    stamps = []
    for name in ("HEAD", "packed-refs", "refs/heads"):
        try:
            stamps.append((repository.path / name).stat().st_mtime_ns)
        except FileNotFoundError:
            stamps.append(0)
    return (repository.pushed_at, int(time.time()) // 86400, *stamps)


async def _look(git: Git, repository: Repository) -> Overview:
    sorts = ("--sort=-committerdate", "--sort=-HEAD")  # the last one counts most
    listing = ("for-each-ref", *sorts, f"--count={BRANCHES}", f"--format={_FORMAT}", "refs/heads")
    try:
        listed = await git.run(*listing, path=repository.path, timeout=SECONDS)
    except GitError:
        return Overview((), (0,) * WEEKS)
    tips = []
    for line in listed.splitlines():
        name, oid, at, author, subject = line.split(b"\0", 4)
        if at:  # nothing where the commit is missing
            branch = name.decode("utf-8", "surrogateescape")
            tips.append(Tip(branch, oid.decode("ascii"), int(at), decoded(author), decoded(subject)))
    return Overview(tuple(tips), await _weeks(git, repository) if tips else (0,) * WEEKS)


async def _weeks(git: Git, repository: Repository) -> tuple[int, ...]:
    now = int(time.time())
    since = now - WEEKS * WEEK
    counts = [0] * WEEKS
    try:
        output, _ = await beginning(
            git,
            *("rev-list", "--branches", f"--since={since}", f"--max-count={COMMITS}", "--timestamp"),
            path=repository.path,
            limit=1 << 20,
            seconds=SECONDS,
        )
    except GitError:
        return tuple(counts)
    for line in output.splitlines():
        at = line.partition(b" ")[0]
        if at.isdigit() and since < int(at) <= now:
            counts[WEEKS - 1 - (now - int(at)) // WEEK] += 1
    return tuple(counts)
