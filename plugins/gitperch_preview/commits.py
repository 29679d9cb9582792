"""Which commit an address shows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.git import refs
from gitperch_preview import sites
from gitperch_preview.keep import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.repositories import Repository

REACH_SECONDS = 20.0
REMEMBER_SECONDS = 300.0
REMEMBER_NO_SECONDS = 10.0

Stamp = tuple[int, int, int]


class Commits:
    def __init__(self, git: Git) -> None:
        self._git = git
        self._packed: Kept[tuple[int, str], tuple[Stamp, str]] = Kept(2000)
        self._reachable: Kept[tuple[int, str], bool] = Kept(2000, REMEMBER_SECONDS)

    def forget(self, repo_id: int) -> None:
        """Its refs have moved: what was reachable may not be any more."""
        self._reachable.drop_if(lambda key, _: key[0] == repo_id)

    def tip(self, repo: Repository, branch: str) -> str | None:
        """The commit that `branch` is at, this moment."""
        name = f"refs/heads/{branch}"
        # A loose ref is read anew each time; `packed-refs`, which can be long, only when it has changed.
        stamp = None if (repo.path / name).is_file() else _stamp(repo.path / "packed-refs")
        known = self._packed.get((repo.id, name)) if stamp else None
        if known and known[0] == stamp:
            return known[1]
        oid = refs.read(repo.path, [name]).get(name)
        if oid and stamp:
            self._packed.put((repo.id, name), (stamp, oid))
        return oid

    async def reachable(self, repo: Repository, prefix: str) -> str | None:
        """The oid of the one commit that begins with `prefix`, if a branch or a tag still leads to it."""
        async with asyncio.timeout(REACH_SECONDS):
            oid = await self._git.look_up(repo.path, sites.commit_of, prefix)
        if not oid:
            return None
        reachable = self._reachable.get((repo.id, oid))
        if reachable is None:
            arguments = ("for-each-ref", "--count=1", "--format=found", f"--contains={oid}", "refs/heads", "refs/tags")
            reachable = bool((await self._git.run(*arguments, path=repo.path, timeout=REACH_SECONDS)).strip())
            self._reachable.put((repo.id, oid), reachable, None if reachable else REMEMBER_NO_SECONDS)
        return oid if reachable else None


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
