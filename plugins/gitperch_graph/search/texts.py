"""The texts of every repository's commits: segments from files, the newest commits from memory, and what is missing is made."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.search import segments
from gitperch_graph.search.build import REQUEST
from gitperch_graph.search.drafts import RAW_LIMIT, Draft
from gitperch_graph.search.segments import ROWS, Segment
from gitperch_graph.search.shelf import Lack, Shelf, oids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.row_index import RowIndex

T = TypeVar("T")

TAIL = 1000
"""Commits without texts in a file that are read when they are searched, rather than written down first."""

SECONDS = 3600.0  # for the texts of one repository
PROGRESS_SECONDS = 0.5
_OPEN = 16  # repositories whose files stay open
_IN_MEMORY = 4 << 20  # bytes of segments in memory


class TextsMissing(Exception):
    """The texts could not be made. The sentence says why."""


@dataclass(frozen=True)
class Piece:
    """Texts of the commits from height `base` on."""

    base: int
    segment: Segment


@dataclass(frozen=True)
class Progress:
    """Texts are being made; of what has to be, `share` is done."""

    share: float


@dataclass
class _Making:
    total: int
    done: int = 0
    failure: str = ""
    ended: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class Texts:
    def __init__(self, host: Host, folder: Path) -> None:
        """`folder` holds one folder for each repository, named by its id."""
        self._host = host
        self._folder = folder
        self._shelves: OrderedDict[int, Shelf] = OrderedDict()
        self._making: dict[int, _Making] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self._memory: OrderedDict[bytes, tuple[Segment, int]] = OrderedDict()
        # One thread: searches take turns, and the event loop has a single rival for the interpreter.
        self._thread = ThreadPoolExecutor(1, "search")

    async def apart(self, function: Callable[..., T], *arguments: object) -> T:
        """`function(*arguments)` in the thread for searches, when it is its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def pieces(self, repo: Repository, index: RowIndex) -> AsyncIterator[Piece | Progress]:
        """The texts of every commit in `index`, the newest first; Progress as often as something is waited for.

        Raises TextsMissing.
        """
        shelf = self._shelf(repo.id)
        for number in shelf.numbers(index) if index.total else ():
            if lack := await self.apart(shelf.lacking, index, number):
                if lack.high - lack.low <= TAIL:
                    yield Piece(lack.low, await self._read(repo, index, lack))
                else:
                    async for share in self._awaited(repo, index, shelf, number):
                        yield Progress(share)
            if segment := await self.apart(shelf.fitting, index, number):
                yield Piece(number * ROWS, segment)

    async def write(self, repo: Repository, index: RowIndex) -> None:
        """Write down the texts of what is in `index`, if that are more than are read at each search. Raises TextsMissing."""
        making = self._making.get(repo.id)
        if not making:
            shelf = self._shelf(repo.id)
            lacks = await self.apart(_lacks, shelf, index)
            if sum(lack.high - lack.low for lack in lacks) <= TAIL:
                return
            making = self._made(repo, index, shelf, lacks)
        while not making.ended:
            await making.news.wait()

    async def remove(self, repo_id: int) -> None:
        """Forget everything about a repository that was deleted."""
        shelf = self._shelf(repo_id)
        del self._shelves[repo_id]
        await self.apart(shelf.remove)

    async def sweep(self) -> None:
        """Remove what is left of repositories that are gone, and what a crash left half-written."""
        known = {str(repo.id) for repo in await self._host.repositories.everything()}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                await self.apart(Shelf(folder).remove)
            else:
                for file in folder.glob("*.new"):
                    file.unlink()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _shelf(self, repo_id: int) -> Shelf:
        shelf = self._shelves.setdefault(repo_id, Shelf(self._folder / str(repo_id)))
        self._shelves.move_to_end(repo_id)
        if len(self._shelves) > _OPEN:
            self._shelves.popitem(last=False)
        return shelf

    async def _awaited(self, repo: Repository, index: RowIndex, shelf: Shelf, number: int) -> AsyncIterator[float]:
        """Progress, until segment `number` is whole."""
        tries = 0
        while lack := await self.apart(shelf.lacking, index, number):
            making = self._making.get(repo.id)
            if not making:
                # What was made before may have been for an older index; what was made for this one has to do.
                if (tries := tries + 1) > 2:
                    raise TextsMissing("the history changes faster than it can be read")
                making = self._made(repo, index, shelf, await self.apart(_lacks, shelf, index))
            since = time.monotonic()
            news = making.news
            try:
                async with asyncio.timeout(PROGRESS_SECONDS):
                    await news.wait()
            except TimeoutError:
                pass
            if making.failure:
                raise TextsMissing(making.failure)
            if lack and time.monotonic() - since > PROGRESS_SECONDS / 2:
                yield making.done / making.total

    def _made(self, repo: Repository, index: RowIndex, shelf: Shelf, lacks: list[Lack]) -> _Making:
        making = self._making[repo.id] = _Making(max(1, sum(lack.high - lack.low for lack in lacks)))
        work = functools.partial(self._make, repo, index, shelf, lacks, making)
        self._host.tasks.start(f"graph texts {repo.id} {index.generation} {id(making)}", work)
        return making

    async def _make(self, repo: Repository, index: RowIndex, shelf: Shelf, lacks: list[Lack], making: _Making) -> None:
        try:
            async with self._one_at_a_time, asyncio.timeout(SECONDS):
                await self._run(repo, index, shelf, lacks, making)
        except (TextsMissing, OSError) as error:
            making.failure = str(error)
        except TimeoutError:
            making.failure = f"reading the messages took more than {SECONDS:.0f} s"
        finally:
            making.ended = True
            self._making.pop(repo.id, None)
            making.tell()

    async def _run(self, repo: Repository, index: RowIndex, shelf: Shelf, lacks: list[Lack], making: _Making) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gitperch_graph.search.build", str(repo.path), str(shelf.folder)),
            env=self._host.git.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 -- pipes, as asked for
        try:
            for lack in lacks:
                await self._ask(process.stdin, index, lack)
                if not await process.stdout.readline():
                    break
                await self.apart(self._shelf(repo.id).renewed, lack.number)
                making.done += lack.high - lack.low
                making.tell()
            process.stdin.close()
            said = await process.stderr.read(RAW_LIMIT)
            if await process.wait():
                raise TextsMissing(
                    said.decode("utf-8", "replace").strip()[-500:] or "the process that reads them ended early"
                )
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()

    async def _ask(self, stdin: asyncio.StreamWriter, index: RowIndex, lack: Lack) -> None:
        base = lack.number * ROWS
        wanted = await self.apart(oids, index, base, lack.high)
        count = lack.high - base
        try:
            stdin.write(REQUEST.pack(lack.number, count, len(wanted) // count) + wanted)
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it ended; its status says why

    async def _read(self, repo: Repository, index: RowIndex, lack: Lack) -> Segment:
        """The texts of commits that are in no file yet."""
        wanted = await self.apart(oids, index, lack.low, lack.high)
        key = segments.digest_of(wanted)
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key][0]
        names = [index.oid(height) for height in range(lack.low, lack.high)]
        if libgit2_knows(repo.path):
            data = await self._host.git.read(repo.path, _drafted_by_libgit2, names, key)
        else:
            read = await fetched(self._host.git, repo.path, names)
            data = await self.apart(_drafted, names, read, key)
        found = self._memory[key] = (Segment.of(data), len(data))
        while len(self._memory) > 1 and sum(size for _, size in self._memory.values()) > _IN_MEMORY:
            self._memory.popitem(last=False)
        return found[0]


def _lacks(shelf: Shelf, index: RowIndex) -> list[Lack]:
    if not index.total:
        return []
    return [lack for number in shelf.numbers(index) if (lack := shelf.lacking(index, number))]


def _drafted_by_libgit2(repository: LibgitRepository, names: list[str], key: bytes) -> bytes:
    return _drafted(names, reader(repository), key)


def _drafted(names: list[str], read: Callable[[str], tuple[str, bytes]], key: bytes) -> bytes:
    draft = Draft()
    for name in names:
        try:
            draft.add(read(name)[1][:RAW_LIMIT])
        except KeyError:
            draft.add(b"")  # as in a file
    return segments.encoded(draft.sections(), key)
