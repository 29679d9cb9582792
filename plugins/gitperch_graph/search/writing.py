"""Having segments written by processes of their own."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_graph.search.build import REQUEST
from gitperch_graph.search.segments import ROWS
from gitperch_graph.search.shelf import oids

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.search.shelf import Lack, Shelf

SECONDS = 4 * 3600.0  # for one kind of segments of one repository
PROGRESS_SECONDS = 0.5
_SAID = 1 << 16


class TextsMissing(Exception):
    """What has to be searched could not be read from the repository. The sentence says why."""


@dataclass
class Writing:
    """Segments that are being written: `done` of `total` commits."""

    total: int
    done: int = 0
    failure: str = ""
    ended: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seconds: float | None) -> bool:
        """Wait until there is something new, `seconds` at most; whether there was."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True


class Writer:
    """Writes segments of one kind, for one repository at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._writing: dict[Path, Writing] = {}
        self._turn = asyncio.Semaphore(1)

    def under_way(self, shelf: Shelf) -> Writing | None:
        return self._writing.get(shelf.folder)

    def start(self, path: Path, index: RowIndex, shelf: Shelf, lacks: Sequence[Lack]) -> Writing:
        """Write what `lacks` of the repository at `path`. It goes on when nobody waits for it any more."""
        writing = self._writing[shelf.folder] = Writing(max(1, sum(lack.high - lack.low for lack in lacks)))
        name = f"graph {shelf.layout.name} {shelf.folder.name} {id(writing)}"
        self._host.tasks.start(name, functools.partial(self._write, path, index, shelf, lacks, writing))
        return writing

    async def until(self, path: Path, index: RowIndex, shelf: Shelf, number: int) -> AsyncGenerator[float, None]:
        """Wait until segment `number` is whole, and tell now and then how much is done, from 0 to 1. Raises TextsMissing."""
        tries = 0
        while await asyncio.to_thread(shelf.lacking, index, number):
            writing = self.under_way(shelf)
            if not writing:
                # What was under way may have been for an older index; what is begun for this one has to do.
                tries += 1
                if tries > 2:
                    raise TextsMissing("the history changes faster than it can be read")
                writing = self.start(path, index, shelf, await asyncio.to_thread(shelf.lacks, index))
            if not await writing.news(PROGRESS_SECONDS):
                yield writing.done / writing.total
            if writing.failure:
                raise TextsMissing(writing.failure)

    async def _write(self, path: Path, index: RowIndex, shelf: Shelf, lacks: Sequence[Lack], writing: Writing) -> None:
        try:
            async with self._turn, asyncio.timeout(SECONDS):
                await self._run(path, index, shelf, lacks, writing)
        except (TextsMissing, OSError) as error:
            writing.failure = str(error)
        except TimeoutError:
            writing.failure = f"it was not read after {SECONDS:.0f} s"
        finally:
            writing.ended = True
            del self._writing[shelf.folder]
            writing.tell()

    async def _run(self, path: Path, index: RowIndex, shelf: Shelf, lacks: Sequence[Lack], writing: Writing) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gitperch_graph.search.build", str(path), str(shelf.folder), shelf.layout.name),
            env=self._host.git.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 -- pipes, as asked for
        try:
            for lack in lacks:
                await _ask(process.stdin, index, lack)
                if not await process.stdout.readline():
                    break
                shelf.renewed(lack.number)
                writing.done += lack.high - lack.low
                writing.tell()
            process.stdin.close()
            said = (await process.stderr.read(_SAID)).decode("utf-8", "replace").strip()
            if await process.wait():
                raise TextsMissing(said[-300:] or "the process that reads it ended early")
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def _ask(stdin: asyncio.StreamWriter, index: RowIndex, lack: Lack) -> None:
    base = lack.number * ROWS
    wanted = await asyncio.to_thread(oids, index, base, lack.high)
    count = lack.high - base
    try:
        stdin.write(REQUEST.pack(lack.number, count, len(wanted) // count) + wanted)
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # it ended; its status says why
