"""What every repository's commits say and change: segments from files, the newest commits from memory."""

from __future__ import annotations

import asyncio
import shutil
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gitperch.git import GitError
from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.search.changes import DIFF, LIMIT, PathsDraft, by_commit
from gitperch_graph.search.drafts import RAW_LIMIT, TextsDraft
from gitperch_graph.search.segments import PATHS, ROWS, TEXTS, Segment
from gitperch_graph.search.shelf import Lack, Shelf, numbers
from gitperch_graph.search.writing import TextsMissing, Writer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Hashable, Mapping, Sequence
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.objects import Read
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.search.segments import Layout

T = TypeVar("T")

TAIL = 1000
"""Commits that are read when they are searched, rather than written down first."""

LEFT = 200
"""Commits that are left to be read when they are searched, once a burst of pushes is over."""

_FILES = 200  # that stay open
_IN_MEMORY = 4 << 20  # bytes of segments in memory
_AT_ONCE = 8  # segments that are looked for in one go
_BATCH = 100  # commits that libgit2 reads before others may have its thread
_DIFF_SECONDS, _DIFF_BYTES = 10.0, 8 << 20


@dataclass(frozen=True)
class Piece:
    """Segments of the kinds that were asked for, with `count` commits from height `base` on, or more."""

    base: int
    count: int
    segments: Mapping[Layout, Segment]


@dataclass(frozen=True)
class Progress:
    """What has to be searched is being written; `share` of it is done."""

    share: float


class Texts:
    def __init__(self, host: Host, folder: Path) -> None:
        """`folder` holds one folder for each repository, named by its id."""
        self._host = host
        self._folder = folder
        self._shelves: OrderedDict[tuple[int, str], Shelf] = OrderedDict()
        self._writers = {layout.name: Writer(host) for layout in (TEXTS, PATHS)}
        self._memory: OrderedDict[Hashable, tuple[Segment, int]] = OrderedDict()
        # One thread: searches take turns, and the event loop has a single rival for the interpreter.
        self._thread = ThreadPoolExecutor(1, "search")

    async def apart(self, function: Callable[..., T], *arguments: object) -> T:
        """`function(*arguments)` in the thread for searches, when it is its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def pieces(
        self, repo: Repository, index: RowIndex, layouts: Collection[Layout]
    ) -> AsyncGenerator[Piece | Progress, None]:
        """Every commit in `index`, the newest first; Progress as often as something is waited for. Raises TextsMissing."""
        shelves = [self._shelf(repo.id, layout) for layout in layouts]
        wanted = list(numbers(index)) if index.total else []
        while wanted:
            # The first answer is wanted at once, and after it fewer ways between threads.
            some = wanted[: 1 if len(wanted) > index.total // ROWS else _AT_ONCE]
            for number, standing in zip(some, await self.apart(_standing, shelves, index, some), strict=True):
                if any(lack for _, lack in standing):
                    async for piece in self._lacking(repo, index, shelves, number):
                        yield piece
                else:
                    low, high = number * ROWS, min(index.total, (number + 1) * ROWS)
                    yield Piece(low, high - low, _by_layout(shelves, [segment for segment, _ in standing]))
            del wanted[: len(some)]

    async def _lacking(
        self, repo: Repository, index: RowIndex, shelves: Sequence[Shelf], number: int
    ) -> AsyncGenerator[Piece | Progress, None]:
        """The pieces of segment `number`, of which not everything is written."""
        low, high = number * ROWS, min(index.total, (number + 1) * ROWS)
        for shelf in shelves:
            lack = await self.apart(shelf.lacking, index, number)
            if lack and (high - lack.low > TAIL or not await self._read(repo, index, lack, shelf.layout)):
                async for share in self._writers[shelf.layout.name].until(repo.path, index, shelf, number):
                    yield Progress(share)
        (standing,) = await self.apart(_standing, shelves, index, [number])
        written = min(lack.low if lack else high for _, lack in standing)
        if written < high:
            rest = Lack(number, written, high)
            read = [await self._read(repo, index, rest, shelf.layout) for shelf in shelves]
            if not all(read):
                raise TextsMissing("the newest commits cannot be read")
            yield Piece(written, high - written, _by_layout(shelves, read))
        if written > low:
            yield Piece(low, written - low, _by_layout(shelves, [segment for segment, _ in standing]))

    async def write(self, repo: Repository, index: RowIndex) -> None:
        """Write down what commits in `index` say and change, but for the last `LEFT`."""
        for layout in (TEXTS, PATHS):
            shelf, writer = self._shelf(repo.id, layout), self._writers[layout.name]
            lacks = await self.apart(shelf.lacks, index)
            if sum(lack.high - lack.low for lack in lacks) > LEFT:
                writing = writer.under_way(shelf) or writer.start(repo.path, index, shelf, lacks)
                while not writing.ended:
                    await writing.news(None)

    async def remove(self, repo_id: int) -> None:
        """Forget everything about a repository that was deleted."""
        for layout in (TEXTS, PATHS):
            self._shelves.pop((repo_id, layout.name), None)
        await self.apart(_remove, self._folder / str(repo_id))

    async def sweep(self) -> None:
        """Remove what is left of repositories that are gone, and what a crash left half-written."""
        known = {str(repo.id) for repo in await self._host.repositories.everything()}
        for folder in self._folder.iterdir():
            if folder.name not in known:
                await self.apart(_remove, folder)
            else:
                for file in folder.glob("*.new"):
                    file.unlink()

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _shelf(self, repo_id: int, layout: Layout) -> Shelf:
        shelf = self._shelves.setdefault((repo_id, layout.name), Shelf(self._folder / str(repo_id), layout))
        self._shelves.move_to_end((repo_id, layout.name))
        for key, other in list(self._shelves.items()):
            if sum(one.files for one in self._shelves.values()) <= _FILES:
                break
            if other is not shelf and not self._writers[key[1]].under_way(other):
                del self._shelves[key]
        return shelf

    async def _read(self, repo: Repository, index: RowIndex, lack: Lack, layout: Layout) -> Segment | None:
        """A segment in memory of commits that are in no file yet; None where that takes too long."""
        key = (repo.id, layout.name, index.generation, lack.low, lack.high)
        if key not in self._memory:
            names = index.oids(lack.low, lack.high)
            try:
                reading = self._texts if layout is TEXTS else self._paths
                data = await reading(repo, names)
            except GitError:
                return None
            if not data:
                return None
            self._memory[key] = (Segment.of(layout, data), len(data))
            while (
                len(self._memory) > len(self._writers) and sum(size for _, size in self._memory.values()) > _IN_MEMORY
            ):
                self._memory.popitem(last=False)
        self._memory.move_to_end(key)
        return self._memory[key][0]

    async def _texts(self, repo: Repository, names: list[str]) -> bytes:
        if libgit2_knows(repo.path):
            draft = TextsDraft()
            for at in range(0, len(names), _BATCH):
                await self._host.git.read(repo.path, _add_by_libgit2, draft, names[at : at + _BATCH])
            return draft.encoded(b"")
        read = await fetched(self._host.git, repo.path, names)
        return await self.apart(_texts, names, read)

    async def _paths(self, repo: Repository, names: list[str]) -> bytes:
        stdin = "".join(f"{name}\n" for name in names).encode()
        said = await self._host.git.run(
            *DIFF, path=repo.path, stdin=stdin, timeout=_DIFF_SECONDS, max_output=_DIFF_BYTES
        )
        return await self.apart(_paths, names, said)


def _standing(
    shelves: Sequence[Shelf], index: RowIndex, some: Sequence[int]
) -> list[list[tuple[Segment | None, Lack | None]]]:
    return [[shelf.standing(index, number) for shelf in shelves] for number in some]


def _by_layout(shelves: Sequence[Shelf], parts: Sequence[Segment | None]) -> dict[Layout, Segment]:
    return {shelf.layout: part for shelf, part in zip(shelves, parts, strict=True) if part}


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _add_by_libgit2(repository: LibgitRepository, draft: TextsDraft, names: list[str]) -> None:
    _add(draft, names, reader(repository))


def _texts(names: Sequence[str], read: Read) -> bytes:
    draft = TextsDraft()
    _add(draft, names, read)
    return draft.encoded(b"")


def _add(draft: TextsDraft, names: Sequence[str], read: Read) -> None:
    for name in names:
        try:
            draft.add(read(name)[1][:RAW_LIMIT])
        except KeyError:
            draft.add(b"")  # as in a file


def _paths(names: Sequence[str], said: bytes) -> bytes:
    """b"" where a commit changes so much that not everything was understood."""
    draft, changed = PathsDraft(), dict(by_commit(iter(said.split(b"\0")[:-1]), len(names[0])))
    if any(len(paths) > LIMIT for paths in changed.values()):
        return b""
    for name in names:
        draft.add(changed.get(name, ()))
    return draft.encoded(b"")
