"""What lies between two commits: where they parted, how many commits each has for itself, and which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git.bounded import looked_up
from gitperch.git.process import GitError

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git import Git

SECONDS = 4.0


@dataclass(frozen=True)
class Between:
    """`base` is where two histories parted, None where they never met. `oids` are the newest commits that only the new one has.

    `ahead` and `behind` count the commits that only the new, and only the old one has; None where there was no time.
    """

    base: str | None
    ahead: int | None
    behind: int | None
    oids: list[str]


async def between(git: Git, path: Path, old: str, new: str, limit: int) -> Between:
    """What `new` has that `old` has not, at most `limit` commits of it by oid. Raises GitError where the history is not whole, Busy."""
    base = await _base(git, path, old, new)
    count = await _said(git, path, "rev-list", "--left-right", "--count", "--end-of-options", f"{old}...{new}", "--")
    listed = await _said(git, path, "rev-list", f"--max-count={limit}", "--end-of-options", f"{old}..{new}", "--")
    behind, ahead = map(int, count.split()) if count.count("\t") == 1 else (None, None)
    return Between(base, ahead, behind, listed.split())


async def _base(git: Git, path: Path, old: str, new: str) -> str | None:
    try:
        return (await _said(git, path, "merge-base", "--end-of-options", old, new)).strip() or None
    except GitError as error:
        if error.status == 1:
            return None
        raise


async def _said(git: Git, path: Path, *arguments: str) -> str:
    """What git says, "" where it was not done in time."""
    output, whole = await looked_up(git, *arguments, path=path, limit=1 << 20, seconds=SECONDS)
    return output.decode("ascii", "replace") if whole else ""
