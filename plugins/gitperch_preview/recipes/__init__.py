"""What to run: a commit's files are looked at, in git's objects, and say how it becomes an app."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch_preview.recipes.variables import Environment, environment

if TYPE_CHECKING:
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch_preview.contract import Recipe

__all__ = ["Environment", "environment", "find"]

SECONDS = 20.0


async def find(git: Git, path: Path, commit: str, *, containers: bool = True) -> Recipe:
    """What to do with `commit` (a full oid) of the repository at `path`. `containers`: whether a Dockerfile can be built here.

    Without that a Dockerfile is passed over for the next that would do, unless gitperch.toml asks for Docker.
    Raises MissingObject for a repository that is not whole, GitError, TimeoutError.
    """
    async with asyncio.timeout(SECONDS):
        return await git.look_up(path, _find, commit, containers)


def _find(repository: LibgitRepository, commit: str, containers: bool) -> Recipe:
    from gitperch_preview.recipes import finding  # late, in a thread: a server to which nobody pushes reads no recipes

    return finding.find(repository, commit, containers)
