"""Where a deployment's files lie, and how they go.

    checkouts/DEPLOYMENT/   app (the check-out), home, tmp: its processes' own; etc: what they see of /etc
    caches/REPOSITORY/      what package managers keep, for all deployments of a repository
    leaving/                what is being removed

Everything in a check-out was written by others and may be of any shape: this server never follows a link in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.runners.process.cell import Home, passwd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_preview.runners.process.cell import Cell

ELSEWHERE = Path("/var/lib/gitperch-apps")
REMOVE_SECONDS = 600.0


class Places:
    """Folders of deployments and repositories, below `root`."""

    def __init__(self, folder: Path, cell: Cell) -> None:
        # A user of their own cannot pass through the data folder, which is its owner's alone; bubblewrap shows them what is theirs.
        outside = cell.own_user and not cell.bubblewrap
        self.root = ELSEWHERE / cell.name if outside else folder
        self._mode = 0o711 if outside else 0o700
        self._cell = cell

    def prepare(self) -> None:
        for path in (*([ELSEWHERE] if self._mode == 0o711 else []), self.root):
            path.mkdir(parents=True, exist_ok=True)
        for name in ("checkouts", "caches", "leaving"):
            (self.root / name).mkdir(exist_ok=True)
            (self.root / name).chmod(self._mode)

    def deployment(self, deployment_id: int) -> Path:
        return self.root / "checkouts" / str(deployment_id)

    def cache(self, repo_id: int) -> Path:
        return self.root / "caches" / str(repo_id)

    def home(self, deployment_id: int) -> Home:
        path = self.deployment(deployment_id)
        return Home(path / "app", path / "home", path / "tmp", path / "etc")

    def make(self, deployment_id: int, repo_id: int) -> Home:
        """The folders of a deployment, but for the check-out itself."""
        home, uid = self.home(deployment_id), self._cell.uid(repo_id)
        self.deployment(deployment_id).mkdir()
        self.deployment(deployment_id).chmod(self._mode)
        home.etc.mkdir(mode=0o755)
        for name, text in passwd(os.geteuid() if uid is None else uid, self._cell.inside(home).home):
            (home.etc / name).write_text(text, "utf-8")
            (home.etc / name).chmod(0o644)
        cache = self.cache(repo_id)
        for path in (home.home, home.tmp, cache):
            path.mkdir(mode=0o700, exist_ok=True)
            if uid is not None:
                os.chown(path, uid, uid, follow_symlinks=False)
        return home

    async def give(self, home: Home, repo_id: int) -> None:
        """The check-out is whole: from now on it belongs to its processes."""
        uid = self._cell.uid(repo_id)
        if uid is not None:
            await _run("chown", "--recursive", "--no-dereference", f"{uid}:{uid}", "--", str(home.app))

    def numbered(self, kind: str) -> list[int]:
        """Of `checkouts` or `caches`, the numbers that there are."""
        return sorted(int(path.name) for path in _inside(self.root / kind) if path.name.isdecimal())

    async def remove(self, path: Path) -> None:
        """Have `path` gone at once, and then its files, however deep and whatever their modes."""
        aside = self.root / "leaving" / secrets.token_hex(8)
        try:
            path.rename(aside)
        except FileNotFoundError:
            return
        await self.tidy(aside)

    async def tidy(self, *paths: Path) -> None:
        """Remove `paths`, else whatever was left over in `leaving`."""
        for path in paths or tuple(_inside(self.root / "leaving")):
            if not await _run("rm", "-rf", "--", str(path)):
                await _run("chmod", "-R", "u+rwX", "--", str(path))
                await _run("rm", "-rf", "--", str(path))


def bytes_in(folder: Path) -> int:
    """What the files in it take on disk. For a thread."""
    total = 0
    for _, _, names, descriptor in os.fwalk(folder, onerror=None, follow_symlinks=False):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * 512
    return total


def _inside(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except FileNotFoundError:
        return


async def _run(*command: str) -> bool:
    """Run it to its end; a cancelled task leaves it running, since half of it would help nobody. Whether it went well."""
    process = await asyncio.create_subprocess_exec(
        "nice",
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(REMOVE_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        return False
