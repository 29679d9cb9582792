"""Which index each repository has: opened once, brought up to date when refs move, built when there is none."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import signal
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gitperch.errors import AppError
from gitperch.git import GitError
from gitperch_graph import build, row_index
from gitperch_graph.extend import extended
from gitperch_graph.objects import libgit2_knows, reader
from gitperch_graph.repository import (
    DETACHED,
    REPLACEMENTS,
    SECONDS,
    SHOWN,
    HistoryUnreadable,
    head_of,
    is_large,
    is_special,
)
from gitperch_graph.row_index import IndexUnusable, RowIndex

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.host import Host
    from gitperch.repositories import Repository

PATIENCE = 2.0
"""Seconds that a request waits for an index before it is told that one is being built."""

_OPEN = 24  # indexes kept mapped
_LARGE = 3000  # commits; laying out more of them is left to a process of its own


class Building(Exception):
    """The index is not there yet; it is being built."""


class GraphUnreadable(AppError):
    """The history cannot be drawn, since git cannot read it."""

    status = 500
    code = "history_unreadable"


@dataclass(frozen=True)
class Update:
    """What an update did: `added` rows on top of unchanged ones, -1 where others changed too, None where nothing did."""

    index: RowIndex
    added: int | None


class Graphs:
    def __init__(self, host: Host, folder: Path) -> None:
        """`folder` holds one file for each repository, named by its id."""
        self._host = host
        self._folder = folder
        self._open: OrderedDict[int, RowIndex] = OrderedDict()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._looks: dict[int, asyncio.Event] = {}
        self._builds: dict[int, asyncio.Event] = {}
        self._failures: dict[int, str] = {}
        self._unwritten: set[int] = set()
        self._numbers = itertools.count(1)

    async def index(self, repo: Repository) -> RowIndex:
        """The repository's index. Raises Building when it takes longer than `PATIENCE`, GraphUnreadable when it cannot be."""
        found = self._open.get(repo.id)
        if found:
            self._open.move_to_end(repo.id)
            return found
        done = self._once(self._looks, f"graph look {repo.id}", repo.id, functools.partial(self._look, repo))
        try:
            async with asyncio.timeout(PATIENCE):
                await done.wait()
        except TimeoutError:
            raise Building from None
        if repo.id not in self._open:
            reason = self._failures.get(repo.id, "it was moved or deleted meanwhile")
            raise GraphUnreadable(
                f"The graph of {repo.full_name} cannot be drawn: {reason}. Ask whoever runs this server to check the repository."
            )
        return self._open[repo.id]

    async def update(self, repo: Repository, names: Collection[str] = ()) -> Update:
        """Bring the index up to the refs on disk, of which `names` may have moved. Raises HistoryUnreadable."""
        lock = self._locks.setdefault(repo.id, asyncio.Lock())
        async with lock:
            before = self._open.get(repo.id)
            # Once in each process everything is compared, in case that somebody put back an older file.
            compare = not before or not libgit2_knows(repo.path)
            before = before or await asyncio.to_thread(_opened, self._path(repo.id))
            if before and (after := await self._grown(repo, before, names, compare)):
                self._keep(repo.id, after)
                if after is before:
                    return Update(after, None)
                self._unwritten.add(repo.id)
                return Update(after, after.total - before.total)
            while not await self._built(repo, before):
                pass  # somebody else's build was under way, which may have read older refs
            after = await asyncio.to_thread(RowIndex.open, self._path(repo.id))
            self._keep(repo.id, after)
            self._unwritten.discard(repo.id)
        if before and before.generation == after.generation:
            return Update(after, None)
        return Update(after, after.total if before and not before.total else -1)

    async def _grown(
        self, repo: Repository, before: RowIndex, names: Collection[str], compare: bool
    ) -> RowIndex | None:
        """`before` as it is, if nothing moved, or with what was pushed on top; None where it has to be built anew.

        Only `names` are looked at, or with `compare` all refs.
        """
        targets = await self._all_targets(repo) if compare else None
        if _is_strange(repo, before, [*names, *(targets or ())]):
            return None
        if targets is not None and _is_same(repo.path, before, targets):
            return before
        if not libgit2_knows(repo.path):
            return None
        return await self._host.git.read(repo.path, _extended, before, names, targets)

    def is_unwritten(self, repo_id: int) -> bool:
        """Whether the index has grown since it was written."""
        return repo_id in self._unwritten

    async def persist(self, repo_id: int) -> None:
        """Write an index that has grown since it was opened. One that is lost unwritten grows again from the older file."""
        lock = self._locks.setdefault(repo_id, asyncio.Lock())
        async with lock:
            index = self._open.get(repo_id)
            if index and repo_id in self._unwritten:
                self._unwritten.discard(repo_id)
                await asyncio.to_thread(row_index.write, self._path(repo_id), index.columns)
                self._keep(repo_id, await asyncio.to_thread(RowIndex.open, self._path(repo_id)))

    async def remove(self, repo_id: int) -> None:
        """Forget everything about a repository that was deleted."""
        lock = self._locks.setdefault(repo_id, asyncio.Lock())
        async with lock:
            self._open.pop(repo_id, None)
            self._failures.pop(repo_id, None)
            self._unwritten.discard(repo_id)
            await asyncio.to_thread(self._path(repo_id).unlink, missing_ok=True)

    async def sweep(self) -> None:
        """Remove what a crash left behind. Called before anything is built."""
        known = {f"{repo.id}.rows" for repo in await self._host.repositories.everything()}
        for file in self._folder.iterdir():
            if file.name not in known:
                file.unlink()

    def _path(self, repo_id: int) -> Path:
        return self._folder / f"{repo_id}.rows"

    def _keep(self, repo_id: int, index: RowIndex) -> None:
        self._failures.pop(repo_id, None)
        self._open[repo_id] = index
        self._open.move_to_end(repo_id)
        while len(self._open) > _OPEN:
            oldest, _ = self._open.popitem(last=False)
            self._unwritten.discard(oldest)

    def _once(
        self, running: dict[int, asyncio.Event], name: str, repo_id: int, work: functools.partial[Any]
    ) -> asyncio.Event:
        """Start `work` in a task of its own, unless it runs already; an event that is set when it is done."""
        done = running.get(repo_id)
        if done is None:
            done = running[repo_id] = asyncio.Event()
            # A name of its own: the task before is in its last moments when those who waited for it go on.
            name = f"{name} ({next(self._numbers)})"
            self._host.tasks.start(name, functools.partial(_then_set, work, running, repo_id, done))
        return done

    async def _look(self, repo: Repository) -> None:
        try:
            await self.update(repo)
            await self.persist(repo.id)
        except (HistoryUnreadable, IndexUnusable, GitError) as error:
            self._failures[repo.id] = str(error)

    async def _all_targets(self, repo: Repository) -> dict[str, str]:
        output = await self._host.git.run(
            "for-each-ref", "--format=%(objectname) %(refname)", *SHOWN, REPLACEMENTS, path=repo.path
        )
        lines = (line.decode("utf-8", "surrogateescape").partition(" ") for line in output.splitlines())
        return {name: oid for oid, _, name in lines}

    async def _built(self, repo: Repository, before: RowIndex | None) -> bool:
        """Wait for a build; whether it was begun for this call. It goes on when the caller's deadline is over."""
        mine = repo.id not in self._builds
        work = functools.partial(self._build, repo, before)
        await self._once(self._builds, f"graph build {repo.id}", repo.id, work).wait()
        if repo.id in self._failures:
            raise HistoryUnreadable(self._failures[repo.id])
        return mine

    async def _build(self, repo: Repository, before: RowIndex | None) -> None:
        self._failures.pop(repo.id, None)
        environment, index_path = self._host.git.environment, self._path(repo.id)
        try:
            if (before and before.total > _LARGE) or is_large(repo.path):
                # git writes this file faster than it tells the history, and the build reads it.
                await self._host.upkeep.commit_graph(repo)
                await _build_apart(repo.path, index_path, environment)
            else:
                await asyncio.to_thread(build.build, repo.path, index_path, environment)
        except HistoryUnreadable as error:
            self._failures[repo.id] = str(error)


async def _then_set(
    work: functools.partial[Any], running: dict[int, asyncio.Event], repo_id: int, done: asyncio.Event
) -> None:
    try:
        await work()
    finally:
        del running[repo_id]
        done.set()


async def _build_apart(path: Path, index_path: Path, environment: Mapping[str, str]) -> None:
    """Build in a process of its own, which gives its memory back when it is done. Raises HistoryUnreadable."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gitperch_graph.build", str(path), str(index_path)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(SECONDS * 2):
            _, stderr = await process.communicate()
    except TimeoutError:
        raise HistoryUnreadable(f"its index was not built after {SECONDS * 2:.0f} s") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise HistoryUnreadable(stderr.decode("utf-8", "replace").strip()[-500:] or "the build ended early")


def _opened(path: Path) -> RowIndex | None:
    try:
        return RowIndex.open(path)
    except IndexUnusable:
        return None


def _is_strange(repo: Repository, before: RowIndex, names: Collection[str]) -> bool:
    """Whether parents may have changed that the index already has."""
    return is_special(repo.path) != before.columns.special or any(name.startswith(REPLACEMENTS) for name in names)


def _is_same(path: Path, before: RowIndex, targets: dict[str, str]) -> bool:
    head = head_of(path)
    return targets == before.targets and head == before.columns.head and head != DETACHED


def _extended(
    repository: LibgitRepository, before: RowIndex, names: Collection[str], targets: dict[str, str] | None
) -> RowIndex | None:
    """Runs in libgit2's executor: the index for the refs as they are now; None where it has to be built anew."""
    if targets is None:
        targets = dict(before.targets)
        for name in names:
            if name.startswith(SHOWN):
                _look_up(repository, name, targets)
    head = head_of(Path(repository.path))
    if head == DETACHED:
        targets[DETACHED] = str(repository.head.target)
    if targets == before.targets and head == before.columns.head:
        return before
    columns = extended(before, head, targets, reader(repository))
    return RowIndex.of(columns) if columns else None


def _look_up(repository: LibgitRepository, name: str, targets: dict[str, str]) -> None:
    try:
        targets[name] = str(repository.references[name].resolve().target)
    except (KeyError, ValueError):
        targets.pop(name, None)
