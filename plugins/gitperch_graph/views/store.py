"""The indexes of views: built when asked for, kept while there is room, made anew when the graph has changed.

They are files beside that of the whole graph, `ID.view-DIGEST.rows`, of which `BYTES` and `FILES` are kept, those that were asked
for last. A restart begins without: they are made sooner than it would take to find out whether they are still right.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import itertools
import json
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from gitperch.errors import AppError, NotFound, TooMany
from gitperch_graph import apart
from gitperch_graph.errors import Building
from gitperch_graph.repository import SHOWN, HistoryUnreadable
from gitperch_graph.row_index import RowIndex
from gitperch_graph.sections import IndexUnusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.views.view import View

BYTES, FILES = 256 << 20, 64
PATIENCE = 2.0
"""Seconds that a request waits for a view before it is told that one is being built."""

SECONDS = 180.0  # that a build may take; a path or an author of a very long history
FORGOTTEN = 20.0  # seconds without anybody asking, after which it is given up
BUILDS, BUILDS_SECONDS = 30, 60.0  # by one client, in that time
WAITING = 4  # builds of one client at a time
_OPEN = 8  # kept mapped; to open one takes a few milliseconds
_SUFFIXES = (".rows", ".top", ".graph")

Key = tuple[int, str]


class ViewUnreadable(AppError):
    """A view cannot be drawn: git failed, or took too long."""

    status = 500
    code = "view_unreadable"


@dataclasses.dataclass
class _Kept:
    """A view that is on disk, of a graph of this `generation`."""

    generation: str
    size: int


@dataclasses.dataclass
class _Build:
    """One that is being made. `failure` says why it could not be."""

    client: str
    done: asyncio.Event
    patience: asyncio.Timeout | None = None
    progress: float = 0.0
    commits: int = 0
    failure: str = ""


class Views:
    def __init__(self, host: Host, folder: Path, prepare: Callable[[Repository], Awaitable[bool]]) -> None:
        """`prepare(repo)` is `Graphs.prepare`: whole graphs' indexes are in `folder`, too, and views are made from them."""
        self._host = host
        self._folder = folder
        self._texts = host.folder("graph_texts")
        self._prepare = prepare
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._open: OrderedDict[Key, RowIndex] = OrderedDict()
        self._builds: dict[Key, _Build] = {}
        # One of each at once, since each takes 200 MB in a very long history; what takes git long keeps nobody from the others.
        self._turns = {False: asyncio.Semaphore(1), True: asyncio.Semaphore(1)}
        self._begun: dict[str, deque[float]] = {}
        self._numbers = itertools.count(1)

    async def index(self, repo: Repository, view: View, whole: RowIndex, client: str) -> RowIndex:
        """The index of `view`, which is not the whole graph; `client` is who asks.

        Raises Building when it takes longer than `PATIENCE`, NotFound for a ref that is not there, TooMany, ViewUnreadable.
        """
        _check_refs(view, whole)
        key = (repo.id, view.digest)
        if found := await self._found(key, repo, whole):
            return found
        build = self._builds.get(key) or self._started(key, repo, view, client)
        if build.patience and not build.patience.expired():
            build.patience.reschedule(asyncio.get_running_loop().time() + FORGOTTEN)
        try:
            async with asyncio.timeout(PATIENCE):
                await build.done.wait()
        except TimeoutError:
            raise Building(None, build.progress, build.commits) from None
        if build.failure:
            raise ViewUnreadable(
                f"This view of {repo.full_name} cannot be drawn: {build.failure}. Choose fewer refs or less time."
            )
        # What was pushed meanwhile is in the next one; until then this is no worse than a moment ago.
        found = await self._opened(key, repo)
        if not found:
            raise Building
        return found

    async def remove(self, repo_id: int) -> None:
        """Forget the views of a repository that was deleted."""
        for key in [key for key in self._kept if key[0] == repo_id]:
            await self._drop(key)

    async def _found(self, key: Key, repo: Repository, whole: RowIndex) -> RowIndex | None:
        kept = self._kept.get(key)
        if not kept or kept.generation != whole.generation:
            return None
        self._kept.move_to_end(key)
        return await self._opened(key, repo)

    async def _opened(self, key: Key, repo: Repository) -> RowIndex | None:
        found = self._open.get(key)
        if not found:
            try:
                found = await asyncio.to_thread(RowIndex.open, self._path(key), repo.path)
            except IndexUnusable:  # git has merged the layers that it refers to
                await self._drop(key)
                return None
            self._open[key] = found
        self._open.move_to_end(key)
        while len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return found

    def _started(self, key: Key, repo: Repository, view: View, client: str) -> _Build:
        if key not in self._kept:  # one that follows pushes is none of many
            self._admit(client)
        build = self._builds[key] = _Build(client, asyncio.Event())
        name = f"graph view {key[0]} {key[1]} ({next(self._numbers)})"
        self._host.tasks.start(name, functools.partial(self._build, key, repo, view, build))
        return build

    def _admit(self, client: str) -> None:
        """Raises TooMany for a client that has many different views made."""
        now = time.monotonic()
        waiting = sum(build.client == client for build in self._builds.values())
        begun = self._begun.setdefault(client, deque())
        while begun and begun[0] < now - BUILDS_SECONDS:
            begun.popleft()
        if waiting >= WAITING or len(begun) >= BUILDS:
            raise TooMany("You have had many different views of graphs made just now. Wait a minute and try again.")
        begun.append(now)
        if len(self._begun) > 1000:
            self._begun = {
                name: times for name, times in self._begun.items() if times and times[-1] > now - BUILDS_SECONDS
            }

    async def _build(self, key: Key, repo: Repository, view: View, build: _Build) -> None:
        try:
            await self._prepare(repo)
            try:
                generation = await self._in_turn(key, repo, view, build)
            except HistoryUnreadable:
                if not await self._prepare(repo):  # git has merged layers meanwhile
                    raise
                generation = await self._in_turn(key, repo, view, build)
            size = sum(file.stat().st_size for file in self._files(key) if file.suffix != ".graph" and file.exists())
            self._open.pop(key, None)
            self._kept[key] = _Kept(generation, size)
            self._kept.move_to_end(key)
            if not await self._host.repositories.by_id(repo.id):  # deleted meanwhile
                await self._drop(key)
            await self._make_room()
        except TimeoutError:
            build.failure = "nobody was waiting for it any more"
            await self._drop(key)
        except (HistoryUnreadable, IndexUnusable, AppError) as error:
            build.failure = str(error)
            await self._drop(key)
        finally:
            del self._builds[key]
            build.done.set()

    async def _in_turn(self, key: Key, repo: Repository, view: View, build: _Build) -> str:
        """As `_run`, when it is this view's turn; TimeoutError when nobody waits for it any more."""
        async with self._turns[bool(view.path or view.author)], self._host.git.children.turn(build.client):
            async with asyncio.timeout(FORGOTTEN) as build.patience:
                return await self._run(key, repo, view, build)

    async def _run(self, key: Key, repo: Repository, view: View, build: _Build) -> str:
        """Have it built by a helper process; the generation of the graph that it was made from. Raises HistoryUnreadable."""
        generation = ""

        def told(line: str) -> None:
            nonlocal generation
            progress, _, commits = line.partition(" ")
            if commits:
                build.progress, build.commits = float(progress), int(commits)
            else:
                generation = line

        await apart.run(
            "gitperch_graph.views.build",
            (
                str(repo.path),
                str(self._folder / f"{repo.id}.rows"),
                str(self._path(key)),
                str(self._texts / str(repo.id)),
            ),
            self._host.git.environment,
            told,
            stdin=json.dumps(dataclasses.asdict(view)).encode(),
            seconds=SECONDS,
        )
        return generation

    async def _make_room(self) -> None:
        while len(self._kept) > FILES or (
            len(self._kept) > 1 and sum(kept.size for kept in self._kept.values()) > BYTES
        ):
            await self._drop(next(iter(self._kept)))

    async def _drop(self, key: Key) -> None:
        self._kept.pop(key, None)
        self._open.pop(key, None)
        for file in self._files(key):
            await asyncio.to_thread(file.unlink, missing_ok=True)

    def _path(self, key: Key) -> Path:
        return self._folder / f"{key[0]}.view-{key[1]}.rows"

    def _files(self, key: Key) -> list[Path]:
        return [self._path(key).with_suffix(suffix) for suffix in _SUFFIXES]


def _check_refs(view: View, whole: RowIndex) -> None:
    for name in view.refs:
        names = (whole.head if name == "HEAD" else name, *(prefix + name for prefix in SHOWN))
        if all(whole.refs.height(full) is None for full in names):
            raise NotFound(
                f"There is no branch or tag {name[:120]!r} that names a commit; ref takes a full name such as refs/heads/main.",
                field="ref",
            )
