"""Where a deployment's files lie, and how they go.

    checkouts/DEPLOYMENT/   app (the check-out), home, tmp: its processes' own; etc: what they see of /etc; kept: its dependencies;
                            installed or lacking: whether they are in the check-out, and below which folder of it
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

from gitperch_preview.runners.process import strays
from gitperch_preview.runners.process.cell import Home, passwd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_preview.runners.process.cell import Cell

FOLDERS = ("checkouts", "caches", "leaving")
INSTALLED = ("node_modules", ".venv", ".venv-tools")  # what installs make in a check-out
ELSEWHERE = Path("/var/lib/gitperch-apps")
REMOVE_SECONDS = 600.0


class Places:
    """Folders of deployments and repositories, below `root`."""

    def __init__(self, folder: Path, cell: Cell) -> None:
        # A user of their own cannot pass through the data folder, which is its owner's alone; bubblewrap shows them what is theirs.
        outside = cell.own_user and not cell.bubblewrap
        self.root = ELSEWHERE / cell.name if outside else folder
        self._folder = folder
        self._unused = [folder / name for name in FOLDERS] if outside else [ELSEWHERE / cell.name]
        self._mode = 0o711 if outside else 0o700
        self._cell = cell

    def prepare(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        inner = [self.root / name for name in FOLDERS]
        for path in inner:
            path.mkdir(exist_ok=True)
        for path in (ELSEWHERE, self.root, *inner) if self._mode == 0o711 else inner:
            path.chmod(self._mode)
        if self.root != self._folder:
            strays.note(self.root, self._folder)

    def deployment(self, deployment_id: int) -> Path:
        return self.root / "checkouts" / str(deployment_id)

    def kept(self, deployment_id: int) -> Path:
        return self.deployment(deployment_id) / "kept"

    def installed(self, deployment_id: int) -> Path:
        return self.deployment(deployment_id) / "installed"

    def lacking(self, deployment_id: int) -> Path:
        return self.deployment(deployment_id) / "lacking"

    def dependencies(self, deployment_id: int) -> list[Path]:
        """What was installed in a check-out whose processes do not run: the folders that hold it."""
        try:
            root = self.installed(deployment_id).read_text("utf-8")
        except FileNotFoundError:
            return []
        folder = self.folder(deployment_id, root)
        there = [folder / name for name in INSTALLED] if folder else []
        return [path for path in there if path.is_dir() and not path.is_symlink()]

    def folder(self, deployment_id: int, root: str) -> Path | None:
        """The folder `root` of a check-out that nothing runs in. None where its processes have put a link there, to wherever."""
        folder = self.home(deployment_id).app
        for part in root.split("/"):
            folder /= part
            if folder.is_symlink():
                return None
        return folder

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
        for path in (home.home, home.tmp):
            path.mkdir(mode=0o700)
            self._give(path, uid)
        return home

    def make_cache(self, repo_id: int) -> Path:
        """What package managers keep, for the builds of a repository."""
        path = self.cache(repo_id)
        path.mkdir(mode=0o700, exist_ok=True)
        self._give(path, self._cell.uid(repo_id))
        return path

    @staticmethod
    def _give(path: Path, uid: int | None) -> None:
        if uid is not None:
            os.chown(path, uid, uid, follow_symlinks=False)

    async def give(self, home: Home, repo_id: int) -> None:
        """The check-out is whole: from now on it belongs to its processes."""
        uid = self._cell.uid(repo_id)
        if uid is not None:
            await _run("chown", "--recursive", "--no-dereference", f"{uid}:{uid}", "--", str(home.app))

    async def link(self, source: Path, target: Path) -> bool:
        """The folder `source` once more at `target`, with the same files in it."""
        return await _run("cp", "--archive", "--link", "--no-target-directory", "--", str(source), str(target))

    def numbered(self, kind: str) -> list[int]:
        """Of `checkouts` or `caches`, the numbers that there are."""
        return sorted(int(path.name) for path in _inside(self.root / kind) if path.name.isdecimal())

    async def remove(self, *paths: Path) -> None:
        """Have `paths` gone at once, and then their files, however deep and whatever their modes."""
        await self._tidy(*self.aside(*paths))

    def aside(self, *paths: Path) -> list[Path]:
        """Move those of `paths` that are there out of the way, for `tidy`; where to."""
        moved = []
        for path in paths:
            to = self.root / "leaving" / secrets.token_hex(8)
            try:
                _move(path, to)
            except FileNotFoundError:
                continue
            moved.append(to)
        return moved

    async def tidy(self) -> None:
        """Remove what was left over: by a removal that was broken off, where things lay when the machine had other means, and by data
        folders that are gone."""
        await self._tidy(*_inside(self.root / "leaving"), *(path for path in self._unused if path.exists()))
        await self._tidy(*await asyncio.to_thread(strays.strays, ELSEWHERE))

    async def _tidy(self, *paths: Path) -> None:
        for path in paths:
            if not await _run("rm", "-rf", "--", str(path)):
                await _run("chmod", "-R", "u+rwX", "--", str(path))
                await _run("rm", "-rf", "--", str(path))


def _move(path: Path, to: Path) -> None:
    try:
        path.rename(to)
    except PermissionError:  # a folder has to be open to its owner, to have another above it
        if path.is_symlink():
            raise
        path.chmod(0o700)
        path.rename(to)


def bytes_in(folder: Path, since: float = 0) -> int:
    """What the files in it that have changed `since` (Unix seconds) take on disk; 0 where it is gone. For a thread."""
    total = 0
    with contextlib.suppress(FileNotFoundError):  # `folder` itself: what vanishes in it is passed over
        for _, _, names, descriptor in os.fwalk(folder, onerror=None, follow_symlinks=False):
            for name in names:
                with contextlib.suppress(OSError):
                    found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                    total += found.st_blocks * 512 if found.st_ctime >= since else 0
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
