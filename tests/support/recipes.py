"""What is found to run in little trees, committed by the real git."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git
from gitperch_preview.recipes import find
from support.server import GIT_ENVIRONMENT, git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_preview.contract import Recipe

Files = dict[str, str | bytes]

# What command lines begin and end with.
NODE_PATH = 'export PATH="$PWD/node_modules/.bin:$PATH"; '
FLAGS = "--host $HOST --port $PORT --strictPort"
VITE = f"{NODE_PATH}vite {FLAGS}"
PNPM = "$(command -v pnpm || echo npx --yes pnpm@10)"
YARN = "$(command -v yarn || echo npx --yes yarn@1)"
BUN = "$(command -v bun || echo npx --yes bun@latest)"
VENV_PATH = 'export PATH="$PWD/.venv/bin:$PATH"; '


def found(
    folder: Path,
    files: Files,
    *,
    links: dict[str, str] | None = None,
    containers: bool = True,
    object_format: str = "sha1",
) -> Recipe:
    """The recipe of a commit of `files` and symbolic `links`, in a new repository in `folder`."""
    path = folder / "repository"
    if git("init", "--quiet", "--bare", f"--object-format={object_format}", str(path)).returncode:
        pytest.skip(f"this git knows no {object_format}")
    oid = _commit(path, files, links or {})

    async def look() -> Recipe:
        runner = Git(GitSettings(), folder / "runner")
        runner.prepare()
        try:
            return await find(runner, path, oid, containers=containers)
        finally:
            runner.close()

    return asyncio.run(look())


def lines(recipe: Recipe) -> list[str]:
    """The commands that it would start, in their order."""
    return [command.line for command in recipe.commands]


def package(scripts: dict[str, str], **more: Any) -> str:
    """A package.json."""
    return json.dumps({"scripts": scripts, **more})


def _commit(path: Path, files: Files, links: dict[str, str]) -> str:
    """By git-fast-import(1): one process for any number of files."""
    stream = [b"commit refs/heads/main\nmark :1\ncommitter A <a@example.com> 0 +0000\ndata 0\n"]
    everything = [("100644", name, content) for name, content in files.items()]
    for mode, name, content in (*everything, *(("120000", name, target) for name, target in links.items())):
        data = content.encode() if isinstance(content, str) else content
        stream.append(f'M {mode} inline "{name}"\ndata {len(data)}\n'.encode() + data + b"\n")
    command = ["git", "fast-import", "--quiet"]
    fed = b"".join([*stream, b"get-mark :1\n"])
    done = subprocess.run(command, cwd=path, input=fed, env=GIT_ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()
