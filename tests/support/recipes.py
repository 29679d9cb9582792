"""What is found to run in little trees, committed by the real git."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git
from gitperch_preview.recipes import find
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_preview.contract import Recipe

Files = dict[str, str | bytes]


def found(
    folder: Path,
    files: Files,
    *,
    links: dict[str, str] | None = None,
    containers: bool = True,
    object_format: str = "sha1",
) -> Recipe:
    """The recipe of a commit of `files` and symbolic `links`, in a new repository in `folder`."""
    work = folder / "work"
    if git("init", "--quiet", f"--object-format={object_format}", str(work)).returncode:
        pytest.skip(f"this git knows no {object_format}")
    for name, target in (links or {}).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).symlink_to(target)
    oid = commit(work, files)

    async def look() -> Recipe:
        runner = Git(GitSettings(), folder / "runner")
        runner.prepare()
        try:
            return await find(runner, work / ".git", oid, containers=containers)
        finally:
            runner.close()

    return asyncio.run(look())


def lines(recipe: Recipe) -> list[str]:
    """The commands that it would start, in their order."""
    return [command.line for command in recipe.commands]
