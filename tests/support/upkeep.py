"""Repositories before and after upkeep, looked at with git itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

from gitperch.git import base_pack
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.repositories import Repository


def said(*arguments: str, cwd: Path) -> str:
    done = git(*arguments, cwd=cwd)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def push(work: Path, repo: Repository, *refspecs: str) -> None:
    said("push", "--quiet", "--force", str(repo.path), *(refspecs or ("HEAD:refs/heads/main",)), cwd=work)


def check(path: Path) -> None:
    """git's own checks of everything that upkeep writes."""
    said("fsck", "--full", cwd=path)
    said("commit-graph", "verify", cwd=path)
    if (path / "objects" / "pack" / "multi-pack-index").exists():
        said("multi-pack-index", "verify", cwd=path)


def held(pack_path: Path) -> set[str]:
    index = pack_path.with_suffix(".idx").read_bytes()
    show = ["git", "-C", str(pack_path.parents[2]), "show-index"]
    shown = subprocess.run(show, input=index, capture_output=True, check=True).stdout
    return {line.split()[1] for line in shown.decode().splitlines()}


def reached(path: Path, *tips: str) -> set[str]:
    return {line.split()[0] for line in said("rev-list", "--objects", *tips, cwd=path).splitlines()}


def check_base(path: Path) -> base_pack.BasePack:
    base = base_pack.read(path)
    assert base
    assert held(base.pack_path) == reached(path, *(tip.decode() for tip in base.tips))
    assert base.objects == len(held(base.pack_path))
    return base


def files(path: Path) -> list[str]:
    return sorted(file.name for file in (path / "objects" / "pack").iterdir())


def at_work_in(path: Path) -> list[str]:
    """The processes whose working directory it is."""
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and _cwd(pid) == str(path)]  # noqa: PTH208 -- no paths


def _cwd(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 -- as above
    except OSError:
        return ""


async def comes(path: Path) -> None:
    """Wait for a base pack."""
    async with asyncio.timeout(60):
        while not base_pack.read(path):  # noqa: ASYNC110 -- the file system tells nobody
            await asyncio.sleep(0.05)


def packs(path: Path) -> list[Path]:
    return list((path / "objects" / "pack").glob("pack-*.pack"))
