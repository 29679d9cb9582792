"""Which index each repository has: opened once, brought up to date when refs move, built when there is none."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gitperch.git import GitError, refs
from gitperch_graph import apart, small
from gitperch_graph.commits import parsed
from gitperch_graph.errors import Building, GraphUnreadable
from gitperch_graph.extend import extended
from gitperch_graph.long_build import LongBuild
from gitperch_graph.objects import libgit2_knows, reader
from gitperch_graph.packs import are_large
from gitperch_graph.repository import (
    DETACHED,
    REPLACEMENTS,
    SHOWN,
    HistoryUnreadable,
    head_of,
    is_large,
    is_special,
    special_since,
)
from gitperch_graph.row_index import RowIndex
from gitperch_graph.sections import IndexDamaged, IndexUnusable
from gitperch_graph.top import KEPT
from gitperch_graph.views.store import Views
from gitperch_graph.views.view import WHOLE

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.views.view import View

_SUFFIXES = (".rows", ".top", ".graph")

PATIENCE = 2.0
"""Seconds that a request waits for an index before it is told that one is being built."""

_CALM = 2.0  # seconds after an index was opened, when those who came first have their windows
_FEW = 20  # refs, which are read in less time than a thread takes to begin
_TOUCHED = 40  # commits
_OPEN = 24  # indexes kept mapped
_HIGH = 3 * KEPT  # rows of a top, after which most of them are put into a base
_MANY_MOVED = 2000  # refs


@dataclass(frozen=True)
class Update:
    """What an update did to the index of generation `before` ("": there was none): `added` rows on top of unchanged ones, -1 where
    others changed too, None where nothing did."""

    index: RowIndex
    added: int | None
    before: str


class Graphs:
    def __init__(self, host: Host, folder: Path) -> None:
        """`folder` holds the files of each repository, named by its id."""
        self._host = host
        self._folder = folder
        self._open: OrderedDict[int, RowIndex] = OrderedDict()
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._looks: dict[int, asyncio.Event] = {}
        self._builds: dict[int, asyncio.Event] = {}
        self._failures: dict[int, str] = {}
        self._long: dict[int, LongBuild] = {}
        self._decided: dict[int, asyncio.Event] = {}
        self._helper = asyncio.Semaphore(1)  # building is for whoever has time, one at once
        self._unwritten: set[int] = set()
        self._numbers = itertools.count(1)
        self._views = Views(host, folder, self.prepare)

    async def index(self, repo: Repository, view: View = WHOLE, client: str = "", *, eager: bool = False) -> RowIndex:
        """The repository's index, or that of a smaller `view` for `client`, of whom not too many can be asked.

        Raises Building when it takes longer than `PATIENCE`, for the `eager` as soon as that is certain, GraphUnreadable when it cannot
        be; for a view also what `Views.index` raises.
        """
        whole = await self._whole(repo, eager=eager)
        return whole if view.whole else await self._views.index(repo, view, whole, client)

    async def _whole(self, repo: Repository, *, eager: bool) -> RowIndex:
        found = self._open.get(repo.id)
        if found and found.is_damaged:
            del self._open[repo.id]
            await asyncio.to_thread(self._path(repo.id).unlink, missing_ok=True)
            found = None
        if found:
            self._open.move_to_end(repo.id)
            return found
        done = self._once(self._looks, f"graph look {repo.id}", repo.id, functools.partial(self._look, repo))
        try:
            async with asyncio.timeout(PATIENCE):
                if eager and repo.id not in self._long:
                    await self._decided.setdefault(repo.id, asyncio.Event()).wait()
                if eager and repo.id in self._long:
                    raise Building(self._long[repo.id])
                await done.wait()
        except TimeoutError:
            raise Building(self._long.get(repo.id)) from None
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
            listed: bytes | None = None
            if not before:
                # Once in each process everything is compared, in case that somebody put back an older file.
                opening = asyncio.to_thread(_opened, self._path(repo.id), repo.path)
                (before, is_current), _ = await asyncio.gather(opening, self._touch(repo))
                listed = None if is_current else await self._listed(repo)
                if before:
                    self._host.tasks.start(f"graph check {repo.id}", functools.partial(_check, before))
            elif not libgit2_knows(repo.path):
                listed = await self._listed(repo)
            if before and (after := await self._grown(repo, before, names, listed)):
                self._keep(repo.id, after)
                if after is before:
                    return Update(after, None, after.generation)
                self._unwritten.add(repo.id)
                only_grew = after.top.begins_with(before.top)  # all rows of before are where they were, from the bottom
                added = after.total - before.total if only_grew else -1
                return Update(after, added, before.generation)
            after = await self._anew(repo, before)
        if before and before.generation == after.generation:
            return Update(after, None, before.generation)
        added = after.total if before and not before.total else -1
        return Update(after, added, before.generation if before else "")

    async def _anew(self, repo: Repository, before: RowIndex | None) -> RowIndex:
        """Build, and open what was built. Raises HistoryUnreadable."""
        if before:
            await self._write(repo.id, before)  # whose lanes are kept where that can be
        while not await self._built(repo):
            pass  # somebody else's build was under way, which may have read older refs
        after = await asyncio.to_thread(RowIndex.open, self._path(repo.id), repo.path)
        self._keep(repo.id, after)
        return after

    async def _grown(
        self, repo: Repository, before: RowIndex, names: Collection[str], listed: bytes | None
    ) -> RowIndex | None:
        """`before` as it is, if nothing moved, or with what was pushed; None where it has to be built anew.

        Only `names` are looked at, or all refs where they are `listed`.
        """
        if is_special(repo.path) != before.special or any(name.startswith(REPLACEMENTS) for name in names):
            return None
        if listed is None:
            look = functools.partial(_moves, repo.path, before, names)
            moves = look() if len(names) < _FEW else await asyncio.to_thread(look)
        elif f" {REPLACEMENTS}".encode() in listed and not before.special:
            return None
        else:
            moves = await asyncio.to_thread(before.refs.differences, listed)
        head = head_of(repo.path)
        if not moves and head == before.head != DETACHED:
            return before
        if not libgit2_knows(repo.path):
            return None
        try:
            return await self._host.git.read(repo.path, _extended, before, head, moves)
        except IndexDamaged:
            return None

    def is_open(self, repo_id: int) -> bool:
        """Whether the index is at hand, so that `update` looks only at the refs that it is told of."""
        return repo_id in self._open

    def is_unwritten(self, repo_id: int) -> bool:
        """Whether the index has grown since it was written."""
        return repo_id in self._unwritten

    async def persist(self, repo_id: int) -> None:
        """Write an index that has grown since it was opened. One that is lost unwritten grows again from the older file."""
        lock = self._locks.setdefault(repo_id, asyncio.Lock())
        async with lock:
            index = self._open.get(repo_id)
            if index:
                await self._write(repo_id, index)

    async def _write(self, repo_id: int, index: RowIndex) -> None:
        if repo_id in self._unwritten:
            self._unwritten.discard(repo_id)
            await asyncio.to_thread(index.write, self._path(repo_id))

    async def prepare(self, repo: Repository) -> bool:
        """Have the index's files as another process needs them: written down, and standing on what git has now.

        Whether it was built anew for that, in the same lanes. Raises HistoryUnreadable and IndexUnusable.
        """
        await self.persist(repo.id)
        lock = self._locks.setdefault(repo.id, asyncio.Lock())
        async with lock:
            index = self._open.get(repo.id)
            if not index or await asyncio.to_thread(index.stands, repo.path):
                return False
            await self._anew(repo, index)
            return True

    async def settle(self, repo: Repository) -> None:
        """Build an index anew, in the same lanes, whose top has become large, or which stands on what git has replaced.

        Nobody waits for it but those who push meanwhile.
        """
        index = self._open.get(repo.id)
        if not index or not _wants_a_base(index, repo.path):
            return
        await self._host.upkeep.commit_graph(repo)
        lock = self._locks.setdefault(repo.id, asyncio.Lock())
        async with lock:
            before = self._open.get(repo.id)
            if before and not before.base and len(before.top) <= _HIGH:
                self._open[repo.id] = await asyncio.to_thread(before.with_table)  # nothing but refs has become much
            elif before:
                await self._anew(repo, before)

    async def remove(self, repo_id: int) -> None:
        """Forget everything about a repository that was deleted."""
        lock = self._locks.setdefault(repo_id, asyncio.Lock())
        async with lock:
            self._open.pop(repo_id, None)
            self._failures.pop(repo_id, None)
            self._unwritten.discard(repo_id)
            for suffix in _SUFFIXES:
                await asyncio.to_thread(self._path(repo_id).with_suffix(suffix).unlink, missing_ok=True)
        await self._views.remove(repo_id)

    async def sweep(self) -> None:
        """Remove what a crash left behind. Called before anything is built."""
        known = {f"{repo.id}{suffix}" for repo in await self._host.repositories.everything() for suffix in _SUFFIXES}
        for file in self._folder.iterdir():
            if file.name not in known and file.is_file():
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
        finally:
            self._decide(repo.id)

    def _decide(self, repo_id: int) -> None:
        """It is certain now whether a build takes long: who would rather not wait for it need not."""
        if decided := self._decided.pop(repo_id, None):
            decided.set()

    async def _listed(self, repo: Repository) -> bytes:
        """All refs that matter, as `Refs.differences` reads them."""
        return await self._host.git.run(
            "for-each-ref", "--format=%(objectname) %(refname)", *SHOWN, REPLACEMENTS, path=repo.path
        )

    async def _touch(self, repo: Repository) -> None:
        """Have the system fetch from disk, beside everything else, what it takes to read a commit."""
        if libgit2_knows(repo.path) and not are_large(repo.path):
            await self._host.git.read(repo.path, _read_head)

    async def _built(self, repo: Repository) -> bool:
        """Wait for a build; whether it was begun for this call. It goes on when the caller's deadline is over."""
        mine = repo.id not in self._builds
        work = functools.partial(self._build, repo)
        await self._once(self._builds, f"graph build {repo.id}", repo.id, work).wait()
        if repo.id in self._failures:
            raise HistoryUnreadable(self._failures[repo.id])
        return mine

    async def _build(self, repo: Repository) -> None:
        self._failures.pop(repo.id, None)
        environment, index_path = self._host.git.environment, self._path(repo.id)
        try:
            if not is_large(repo.path) and await asyncio.to_thread(_built_here, repo.path, index_path, environment):
                return
            build = self._long[repo.id] = LongBuild(repo.path, environment)
            self._decide(repo.id)
            # git writes this file faster than it tells the history, and the build reads it.
            await self._host.upkeep.commit_graph(repo, build.reading)
            async with self._helper:
                await apart.build(repo.path, index_path, environment, build.laying_out)
        except HistoryUnreadable as error:
            self._failures[repo.id] = str(error)
        finally:
            self._long.pop(repo.id, None)


async def _then_set(
    work: functools.partial[Any], running: dict[int, asyncio.Event], repo_id: int, done: asyncio.Event
) -> None:
    try:
        await work()
    finally:
        del running[repo_id]
        done.set()


def _built_here(path: Path, index_path: Path, environment: dict[str, str]) -> bool:
    """Whether the history is small, and its index is written. Raises HistoryUnreadable."""
    index = small.small(path, environment)
    if index:
        index.write(index_path)
    return index is not None


def _opened(path: Path, repository: Path) -> tuple[RowIndex | None, bool]:
    """The index, and whether it has the refs as they are."""
    try:
        index = RowIndex.open(path, repository, hurried=True)
        is_older = path.stat().st_mtime <= special_since(repository)
        return (None, False) if is_older else (index, _has_refs_of(index, repository))
    except IndexUnusable:
        return None, False


def _has_refs_of(index: RowIndex, repository: Path) -> bool:
    """Told by the refs' files alone: git looks for each ref's object as well, in cold files for a tenth of a second."""
    found = {name.encode("utf-8", "surrogateescape"): oid for name, oid in refs.snapshot(repository).items()}
    listed = b"".join(b"%s %s\n" % (found[name].encode(), name) for name in sorted(found))
    is_special = f" {REPLACEMENTS}".encode() in listed
    return (index.special or not is_special) and not index.refs.differences(listed)


async def _check(index: RowIndex) -> None:
    """Read what nobody has looked at yet: a damaged index notes that it is."""
    await asyncio.sleep(_CALM)
    with contextlib.suppress(IndexDamaged):
        await asyncio.to_thread(index.check)


def _wants_a_base(index: RowIndex, path: Path) -> bool:
    return len(index.top) > _HIGH or len(index.refs.moved) > _MANY_MOVED or not index.stands(path)


def _moves(path: Path, before: RowIndex, names: Collection[str]) -> dict[str, str | None]:
    """What has become of `names`, as far as `before` does not know it."""
    shown = [name for name in names if name.startswith(SHOWN)]
    now = refs.read(path, shown)
    then = {name: ref.target for name in shown if (ref := before.refs.get(name))}
    return {name: now.get(name) for name in shown if now.get(name) != then.get(name)}


def _extended(
    repository: LibgitRepository, before: RowIndex, head: str, moves: dict[str, str | None]
) -> RowIndex | None:
    """Runs in libgit2's executor: the index for the refs as they are now; None where it has to be built anew."""
    return extended(before, head, moves, reader(repository))


def _read_head(repository: LibgitRepository) -> None:
    """Read some of the newest commits, for the sake of the pages on which they and their places in the pack are."""
    with contextlib.suppress(KeyError, ValueError, IndexError):
        read, oid = reader(repository), str(repository.references["HEAD"].resolve().target)
        for _ in range(_TOUCHED):
            oid = parsed(read(oid)[1]).parents[0]
