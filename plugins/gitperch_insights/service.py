"""Which repository's figures are counted up to where; counting goes on in the background, one process at a time."""

from __future__ import annotations

import asyncio
import functools
import gzip
import hashlib
import itertools
import json
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import AppError
from gitperch.git import GitError, refs
from gitperch_insights import store
from gitperch_insights.answers import figures
from gitperch_insights.events import InsightsChanged
from gitperch_insights.periods import today
from gitperch_insights.store import State, Store, StoreUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_insights.ranges import Range

SLICE_SECONDS = 20.0
"""How long one process counts before the next repository has its turn."""

_PATIENCE = 900.0  # seconds beyond that for what cannot be cut: listing a long history, a commit that is hard to diff
_NICE = ("nice", "-n", "10")
_INTEREST = 3600.0  # seconds after a look for which a push is counted at once
_AGAIN = 60.0  # seconds after a failure before it is tried again
_REST = 0.5  # pushes come in bursts
_KNOWN = 500  # repositories
_KEPT_BYTES = 1 << 20
_MANY = 2000  # commits that are not counted in a moment
_READERS = 2  # threads at once that answer; the others are for everybody else
_WORTH_GZIP = 1400  # bytes; less fits into one packet anyway
_GZIP_LEVEL = 4


class Counting(Exception):
    """There are no figures yet; `done` of `total` commits are counted."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"{done} of {total} commits are counted")
        self.done = done
        self.total = total


class HistoryUnreadable(AppError):
    """git cannot read the history."""

    status = 500
    code = "history_unreadable"


@dataclass(frozen=True)
class Answer:
    """JSON, the same packed where that is worth it, and a tag that is another one whenever the JSON would be."""

    body: bytes
    packed: bytes | None
    tag: str

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed or b"")


@dataclass
class _Counted:
    """What is known of a repository's store without looking into it."""

    state: State | None = None
    tip: str = ""
    asked_at: float = 0.0
    failure: str = ""
    failed_at: float = 0.0
    done: asyncio.Event | None = None  # while counting goes on


class Insights:
    def __init__(self, host: Host, folder: Path) -> None:
        """`folder` holds one store for each repository that somebody asked about, named by its id."""
        self._host = host
        self._folder = folder
        # What somebody just pushed does not wait for a long history that is read for the first time.
        self._first, self._later = asyncio.Semaphore(1), asyncio.Semaphore(1)
        self._reading = asyncio.Semaphore(_READERS)
        self._counted: OrderedDict[int, _Counted] = OrderedDict()
        self._kept: OrderedDict[tuple[int, Range, int], Answer] = OrderedDict()
        self._numbers = itertools.count(1)

    async def answer(self, repo: Repository, asked: Range, patience: float) -> Answer:
        """The figures of `asked`, brought up to date if that takes less than `patience` seconds, and else as they were.

        Raises Counting while there are none yet, HistoryUnreadable.
        """
        head, tip = await asyncio.to_thread(tip_of, repo.path)
        counted = await self._look(repo.id)
        counted.asked_at = time.monotonic()
        if tip and not _is_current(counted, tip):
            await self._wait(repo, counted, tip, patience)
        state = counted.state
        if tip and (state is None or not state.base):
            if counted.failure and not counted.done:
                raise HistoryUnreadable(
                    f"The history of {repo.full_name} cannot be counted: {counted.failure}. "
                    "Ask whoever runs this server to check the repository."
                )
            raise Counting(state.done if state else 0, state.total if state else 0)
        try:
            return await self._answered(repo, asked, state if tip else None, head, tip)
        except StoreUnusable:
            if not counted.done:  # whoever counts anew sees to it himself
                await asyncio.to_thread(store.remove, self._path(repo.id))
            counted.state = None
            self._start(repo, counted)
            raise Counting(0, 0) from None

    async def push(self, repo: Repository) -> None:
        """Refs have moved: count on, if somebody has been looking lately."""
        counted = self._counted.get(repo.id)
        if counted and time.monotonic() < counted.asked_at + _INTEREST:
            _, tip = await asyncio.to_thread(tip_of, repo.path)
            if tip and not _is_current(counted, tip):
                self._start(repo, counted, rest=_REST)

    async def remove(self, repo_id: int) -> None:
        """Forget everything about a repository that was deleted."""
        self._counted.pop(repo_id, None)
        await asyncio.to_thread(store.remove, self._path(repo_id))

    async def sweep(self) -> None:
        """Remove the stores of repositories that are gone. Called before anything is counted."""
        known = {str(repo.id) for repo in await self._host.repositories.everything()}
        for file in self._folder.iterdir():
            if file.name.partition(".")[0] not in known:
                file.unlink(missing_ok=True)

    def _path(self, repo_id: int) -> Path:
        return self._folder / f"{repo_id}.db"

    async def _look(self, repo_id: int) -> _Counted:
        counted = self._counted.get(repo_id)
        if counted is None:
            state = await asyncio.to_thread(_state, self._path(repo_id))
            counted = self._counted.setdefault(repo_id, _Counted(state))
            while len(self._counted) > _KNOWN and not next(iter(self._counted.values())).done:
                self._counted.popitem(last=False)
        if repo_id in self._counted:
            self._counted.move_to_end(repo_id)
        return counted

    async def _wait(self, repo: Repository, counted: _Counted, tip: str, patience: float) -> None:
        if counted.failure and counted.tip == tip and time.monotonic() < counted.failed_at + _AGAIN:
            return
        if counted.done and counted.state and not counted.state.base and counted.state.total > _MANY:
            return  # a page that shows the progress need not wait for the end
        done = self._start(repo, counted)
        try:
            async with asyncio.timeout(patience):
                await done.wait()
        except TimeoutError:
            return

    def _start(self, repo: Repository, counted: _Counted, rest: float = 0.0) -> asyncio.Event:
        """Count in a task of its own, unless one does; an event that is set when it is done."""
        if counted.done is None:
            counted.done = asyncio.Event()
            # A name of its own: the task before is in its last moments when those who waited for it go on.
            name = f"insights {repo.id} ({next(self._numbers)})"
            self._host.tasks.start(name, functools.partial(self._count, repo, counted, counted.done, rest))
        return counted.done

    async def _count(self, repo: Repository, counted: _Counted, done: asyncio.Event, rest: float) -> None:
        try:
            await asyncio.sleep(rest)
            counted.failure = ""
            while not counted.failure and self._counted.get(repo.id) is counted:
                _, counted.tip = await asyncio.to_thread(tip_of, repo.path)
                if not counted.tip or _is_current(counted, counted.tip):
                    break
                async with self._later if counted.state and counted.state.base else self._first:
                    await self._slice(repo, counted)
        finally:
            counted.done = None
            done.set()
        if self._counted.get(repo.id) is not counted:  # deleted meanwhile
            await asyncio.to_thread(store.remove, self._path(repo.id))
        elif counted.state and not counted.failure:
            await self._host.events.announce(InsightsChanged(repo_id=repo.id, tip=counted.state.base or ""))

    async def _slice(self, repo: Repository, counted: _Counted) -> None:
        """Let a process count for a while."""
        path = self._path(repo.id)
        # The name of a program, its arguments, and the git that it is to run, which the host puts at the end.
        command = (*_NICE, sys.executable, "-m", "gitperch_insights.counting", str(path), counted.tip)
        try:
            async with self._host.git.stream(
                path=repo.path, prefix=(*command, str(SLICE_SECONDS)), timeout=SLICE_SECONDS + _PATIENCE
            ) as process:
                assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
                assert process.stdout  # noqa: S101
                process.stdin.close()
                async for line in process.stdout:
                    said = json.loads(line)
                    if "done" in said and (counted.state is None or not counted.state.base):
                        counted.state = State(None, counted.tip, said["done"], said["total"], "", "", 0)
        except GitError as error:
            counted.failure = error.stderr.strip().rpartition("\n")[2][-300:] or "counting ended early"
            counted.failed_at = time.monotonic()
        counted.state = await asyncio.to_thread(_state, path)

    async def _answered(self, repo: Repository, asked: Range, state: State | None, head: str, tip: str) -> Answer:
        day = today()
        key = (repo.id, asked, day)
        tag = _tag(repo.id, asked, day, state, head, tip)
        kept = self._kept.get(key)
        if kept and kept.tag == tag:
            self._kept.move_to_end(key)
            return kept
        about = {"head": head, "tip": tip}
        path = self._path(repo.id) if state else None
        async with self._reading:
            answer = await asyncio.to_thread(_read, path, repo.id, asked, day, about)
        self._kept[key] = answer
        while sum(one.size for one in self._kept.values()) > _KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return answer


def tip_of(path: Path) -> tuple[str, str]:
    """The full name of the default branch and the oid it leads to; "" for what there is not."""
    head = refs.head(path)
    return head, refs.read(path, [head]).get(head, "") if head else ""


def _is_current(counted: _Counted, tip: str) -> bool:
    return counted.state is not None and counted.state.base == tip and not counted.state.target


def _state(path: Path) -> State | None:
    try:
        with Store.open(path) as opened:
            return opened.state()
    except StoreUnusable:
        return None


def _read(path: Path | None, repo_id: int, asked: Range, day: int, about: dict[str, str]) -> Answer:
    """Runs in a thread of its own. One look at the store: what is written meanwhile is not seen."""
    if path is None:
        state, found = None, figures(None, asked, day)
    else:
        with Store.open(path) as opened:
            opened.connection.execute("BEGIN")
            state = opened.state()
            found = figures(opened, asked, day)
    found = {**about, "current": state is None or (state.base == about["tip"] and not state.target), **found}
    # Names and paths may hold bytes that are no text; nobody is served by failing on them.
    body = json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    packed = gzip.compress(body, _GZIP_LEVEL, mtime=0) if len(body) >= _WORTH_GZIP else None
    return Answer(body, packed, _tag(repo_id, asked, day, state, **about))


def _tag(repo_id: int, asked: Range, day: int, state: State | None, head: str, tip: str) -> str:
    """Weak: the same figures, packed or not."""
    parts = (repo_id, asked, day, state and (state.base, state.changes), head, tip)
    return f'W/"{hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()}"'
