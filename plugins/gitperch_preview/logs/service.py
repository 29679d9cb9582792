"""The logs of all deployments: where they are, which of them grow, and when they go."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.logs import cap
from gitperch_preview.logs.reading import Reader, start_of_last
from gitperch_preview.logs.writing import FileLog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Iterable

log = logging.getLogger("gitperch_preview.logs")

LOOK_SECONDS = 1.0
BUSY_SECONDS = 0.1  # after a look that found one too long
_TAIL_BYTES = 64 << 10
_BLOCKS = 16 << 10  # a file may take some more than what is in it


class Logs:
    """`FOLDER/REPO_ID/DEPLOYMENT_ID.log`, for this server's own user alone (mode 0600), each holding about `max_bytes` at most."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 20) -> None:
        self._folder = folder
        self._max_bytes = max(max_bytes, 16 << 10)
        self._left_out: dict[Path, int] = {}  # of those that grow
        self._resting: set[Path] = set()  # those of them that are looked at once more
        self._any = asyncio.Event()
        self.closing = False
        """Whether the server is about to stop, and whoever follows a log has to come again."""

    def path(self, repo_id: int, deployment_id: int) -> Path:
        return self._folder / str(repo_id) / f"{deployment_id}.log"

    def open(self, repo_id: int, deployment_id: int) -> FileLog:
        """The deployment's log, made if need be, and kept small from now on until `rest`. To be called again, for one whose processes
        outlived a server, by the next one."""
        written = FileLog(self.path(repo_id, deployment_id))
        try:
            written.make()
        except (
            OSError
        ) as error:  # a full disk: it will not be written to either, and no deployment ends for want of a log
            log.warning("%s cannot be made: %s", written.path, error.strerror)
        self._resting.discard(written.path)
        self._left_out.setdefault(written.path, 0)
        self._any.set()
        return written

    def rest(self, repo_id: int, deployment_id: int) -> None:
        """Nothing writes to this log any more, until it is opened again."""
        if (path := self.path(repo_id, deployment_id)) in self._left_out:
            self._resting.add(path)

    async def keep_small(self) -> None:
        """Look at the logs that grow each second, for ever; at rest while there are none. First at all of them: what was written in the
        last moments of another server, nobody has looked at."""
        for path in await asyncio.to_thread(self._too_long):
            await self._look(path)
        while True:
            for path in self._resting & self._left_out.keys():
                await self._look(path)
                if path in self._resting:
                    self._forget(path)
            if not self._left_out:
                self._any.clear()
            await self._any.wait()
            busy = False
            for path in list(self._left_out):
                busy |= await self._look(path)
            await asyncio.sleep(BUSY_SECONDS if busy else LOOK_SECONDS)

    def _too_long(self) -> list[Path]:
        return [path for path in self._all() if _on_disk(path) > self._max_bytes + _BLOCKS]

    def _all(self) -> list[Path]:
        """Not by `glob`, which raises where a repository's folder vanishes while it is looked into."""
        return [Path(top) / name for top, _, names in os.walk(self._folder) for name in names if name.endswith(".log")]

    def _forget(self, path: Path) -> None:
        self._left_out.pop(path, None)
        self._resting.discard(path)

    async def _look(self, path: Path) -> bool:
        """Whether it was too long."""
        try:
            if path.stat().st_size - self._left_out.get(path, 0) <= self._max_bytes:
                return False
            left_out = await asyncio.to_thread(cap.held, path, self._max_bytes)
        except FileNotFoundError:
            self._forget(path)
            return False
        except OSError:
            log.exception("%s cannot be kept small", path)
            return False
        if path in self._left_out:
            self._left_out[path] = left_out
        return True

    async def tail(self, repo_id: int, deployment_id: int, secrets: Iterable[str], lines: int = 20) -> list[str]:
        """The last lines, without secrets and colours."""
        return await asyncio.to_thread(self.tail_now, repo_id, deployment_id, secrets, lines)

    def tail_now(self, repo_id: int, deployment_id: int, secrets: Iterable[str], lines: int = 20) -> list[str]:
        """The same, at once; of at most 64 KB, so that an event loop can wait for it."""
        path = self.path(repo_id, deployment_id)
        with Reader(path, secrets, start_of_last(path, lines, _TAIL_BYTES)) as reader:
            text = ""
            while piece := reader.read(last=True):
                text += piece.text
        return text.splitlines()[-lines:]

    async def remove(self, repo_id: int, deployment_id: int) -> None:
        """Remove one. What is gone already is fine."""
        path = self.path(repo_id, deployment_id)
        self._forget(path)
        with contextlib.suppress(OSError):
            path.unlink()
            path.parent.rmdir()

    async def remove_all(self, repo_id: int) -> None:
        """Remove those of a repository that is gone."""
        folder = self._folder / str(repo_id)
        for path in [path for path in self._left_out if path.parent == folder]:
            self._forget(path)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def sweep(self, known: Callable[[], Awaitable[Container[int]]]) -> None:
        """Remove what belongs to none of the deployments whose ids `known()` gives. It is asked after the files were listed: a
        deployment is recorded before it has a log."""
        found = await asyncio.to_thread(lambda: [path for path in self._all() if path.stem.isdecimal()])
        ids = await known() if found else ()
        for path in found:
            if int(path.stem) not in ids:
                await self.remove(int(path.parent.name), int(path.stem))


def _on_disk(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0
