"""Whole answers of `git upload-pack`, each made once for all who ask the same while it is made, and kept where that pays."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import os
import time
from collections import OrderedDict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch.errors import AppError
from gitperch.git.admission import Admission
from gitperch.git.process import READ_SIZE, GitError
from gitperch.tasks import Supervisor
from gitperch.transport import packets
from gitperch.transport.body import ClientGone
from gitperch.transport.clones import files, snapshot
from gitperch.transport.clones.spool import Spool
from gitperch.transport.relay import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from pathlib import Path
    from typing import Any

    from gitperch.git import Git
    from gitperch.transport.answer import Answer
    from gitperch.transport.clones.counters import Counters
    from gitperch.transport.opened import Opened

log = logging.getLogger("gitperch.clones")

_LARGE = 32 << 20  # bytes of packs; what is computed from so many waits for others of its kind
_LARGE_WAIT_SECONDS = 600.0
_MEMORY = 8 << 20  # bytes of small answers
_KEPT = 500  # answers, most of them with an open file
_ON_TRIAL_SECONDS = 120.0  # for which an answer is kept that only one has asked for, unless there is no room
_REMEMBERED = 4000  # questions that were asked once
_LEFT_FREE = 256 << 20  # bytes of the disk that are for others
_LOOK_AGAIN = 16 << 20  # bytes that are written between two looks at it
_IDLE_SECONDS = 600.0  # for which an answer in memory is kept that nobody asks for
_SWEEP_SECONDS = 60.0


class BrokenError(ClientGone):
    """An answer that cannot be brought to its end: the connection is cut, so that nobody takes what came for all of it."""


class FillError(Exception):
    """git did not come to the end of an answer."""


@dataclass(frozen=True)
class Question:
    """What is asked of git. Equal questions have equal answers, as far as objects go, whenever they are asked."""

    path: Path
    identity: Hashable
    wants: frozenset[bytes]
    body: bytes
    """The request in protocol v2, its arguments in one order and without what has no bearing on the answer."""
    stamp: snapshot.Stamps = ()
    """Of the tags, where some may come along unasked."""


@dataclass(eq=False)
class _Entry:
    question: Question
    spool: Spool
    worth: bool
    """Whether it is to be kept: it was asked for before."""
    readers: int = 0
    refused: bool = False
    """git's answer is an error, for those who asked and nobody else."""
    deserted: asyncio.Event = field(default_factory=asyncio.Event)
    left_at: float = 0.0
    since: float = field(default_factory=time.monotonic)


class Responses:
    def __init__(self, git: Git, folder: Path, counters: Counters) -> None:
        self._git = git
        self._folder = folder
        self._counters = counters
        self._entries: OrderedDict[Question, _Entry] = OrderedDict()
        self._seen: OrderedDict[int, float] = OrderedDict()
        self._tasks = Supervisor()
        self._number = itertools.count()
        self._large = Admission(git.settings.large_clones, _LARGE_WAIT_SECONDS)
        self._unlooked = _LOOK_AGAIN

    async def answer(
        self, question: Question, opened: Opened, answer: Answer, gone: Callable[[], Coroutine[Any, Any, None]]
    ) -> bool:
        """Whether `question` was answered; otherwise nothing was sent.

        `gone` raises ClientGone when the client leaves. Raises that, BrokenError, and Busy where no git process could begin.
        """
        entry = self._entries.get(question)
        if entry and not (entry.spool.passing or entry.spool.error or entry.refused or self._is_old(entry)):
            self._entries.move_to_end(question)
            self._counters.hits += 1
            entry.worth = True
        else:
            entry = self._begin(question, opened)
        entry.readers += 1
        try:
            if entry.spool.contents is not None:
                self._counters.bytes_sent += entry.spool.size
                await answer.whole(entry.spool.contents)
                return True
            followed = False
            async with beside(gone()):
                followed = await self._follow(entry.spool, answer)
            return followed  # noqa: RET504 -- from inside the block it might not come out
        finally:
            entry.readers -= 1
            if not entry.readers:
                self._left(entry)

    def forget(self, path: Path, shown: frozenset[bytes]) -> None:
        """Drop every answer about the repository at `path` with a want that is not among `shown` any more."""
        for entry in list(self._entries.values()):
            if entry.question.path == path and not entry.question.wants <= shown:
                self._drop(entry)

    def room(self, count: int) -> bool:
        """Take `count` more bytes of the disk's share, or say False; a negative `count` gives them back."""
        if count > 0:
            self._unlooked += count
            if self._unlooked > _LOOK_AGAIN:
                if _free(self._folder) < _LEFT_FREE:
                    return False
                self._unlooked = count
            while self._counters.bytes_on_disk + count > self._git.settings.cache_max_bytes:
                idle = [entry for entry in self._entries.values() if entry.spool.taken and not entry.readers]
                if not idle:
                    return False
                self._evict(min(idle, key=lambda entry: entry.worth))  # of equals the one that was used longest ago
        self._counters.bytes_on_disk += count
        return True

    async def _follow(self, spool: Spool, answer: Answer) -> bool:
        reader = spool.join()
        try:
            data = await spool.read(reader)
            if spool.whole:
                answer.length(spool.size)
            while data:
                self._counters.bytes_sent += len(data)
                await answer.write(data)
                data = await spool.read(reader)
            await answer.end()
        except (FillError, OSError, files.FileEndedError) as error:
            if not reader.at:
                return False  # nothing was sent: git may still say it, or say why not
            raise BrokenError from error
        finally:
            spool.leave(reader)
        return True

    def _begin(self, question: Question, opened: Opened) -> _Entry:
        if old := self._entries.get(question):
            self._drop(old)
        now, known = time.monotonic(), hash(question)
        last = self._seen.pop(known, None)
        self._seen[known] = now
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        worth = last is not None and now - last < self._git.settings.cache_hours * 3600
        entry = self._entries[question] = _Entry(question, Spool(self._folder, self.room), worth)
        self._counters.fills += 1
        self._tasks.start(f"fill {next(self._number)}", functools.partial(self._fill, entry, opened))
        self._tasks.start("sweep", self._sweep)
        return entry

    async def _fill(self, entry: _Entry, opened: Opened) -> None:
        spool = entry.spool
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(beside(_until(entry.deserted)))
                if _packed(opened.path) > _LARGE:
                    await stack.enter_async_context(self._large.turn(opened.client))
                await stack.enter_async_context(self._git.children.turn(opened.client))
                status = await self._ask(entry.question, opened, spool)
            if status == 0 and spool.last == packets.FLUSH:
                spool.finish()
            elif status and not spool.taken and _is_refusal(spool.beginning()):
                entry.refused = True
                spool.finish()
            else:
                spool.fail(FillError(f"git upload-pack ended with {status} after {spool.size} bytes"))
        except ClientGone:
            spool.fail(FillError("nobody listens any more"))
        except AppError as error:
            spool.fail(error)
        except (GitError, OSError) as error:
            spool.fail(FillError(str(error)))
        finally:
            if not (spool.whole or spool.error):
                spool.fail(FillError("it was ended"))  # nobody may wait for ever, whatever it was
            self._counters.passed += spool.passing
            if isinstance(spool.error, FillError):
                self._counters.failed += 1
                log.info("a clone of %s was not brought to its end: %s", opened.path.name, spool.error)
            if not entry.readers:
                self._left(entry)

    async def _ask(self, question: Question, opened: Opened, spool: Spool) -> int | None:
        """git's exit status, once all that it said is in `spool`."""
        git = self._git.stream(
            "upload-pack",
            "--stateless-rpc",
            str(opened.path),
            environment=opened.speaking("version=2"),
            timeout=self._git.settings.request_seconds,
            check=False,
        )
        async with git as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.write(question.body)
            process.stdin.close()
            while data := await process.stdout.read(READ_SIZE):
                await spool.append(data)
        return process.returncode

    def _left(self, entry: _Entry) -> None:
        """Nobody reads `entry` now: keep it, if it is whole."""
        spool, entry.left_at = entry.spool, time.monotonic()
        if not (spool.whole or spool.error):
            entry.deserted.set()
        if not spool.whole or spool.passing or entry.refused or self._entries.get(entry.question) is not entry:
            self._drop(entry)
            return
        idle = [other for other in self._entries.values() if not other.readers]
        in_memory = sum(len(other.spool.contents or b"") for other in idle)
        for other in idle:
            if len(self._entries) <= _KEPT and (in_memory <= _MEMORY or other.spool.contents is None):
                continue
            in_memory -= len(other.spool.contents or b"")
            self._evict(other)
        self._counters.bytes_in_memory = in_memory

    def _evict(self, entry: _Entry) -> None:
        self._counters.evictions += 1
        self._drop(entry)

    def _drop(self, entry: _Entry) -> None:
        """Let nobody else have `entry`; what it holds is free when the last who reads it has left."""
        if self._entries.get(entry.question) is entry:
            del self._entries[entry.question]
        if not entry.readers:
            entry.spool.release()

    def _is_old(self, entry: _Entry) -> bool:
        return time.monotonic() - entry.since > self._git.settings.cache_hours * 3600

    async def _sweep(self) -> None:
        """While anything is kept: drop what is old, or of a repository that is no more; say once a minute what goes on."""
        said = ""
        while self._entries:
            await asyncio.sleep(_SWEEP_SECONDS)
            for entry in list(self._entries.values()):
                question = entry.question
                unused = 0.0 if entry.readers else time.monotonic() - entry.left_at
                once = unused > _ON_TRIAL_SECONDS and entry.spool.taken and not entry.worth
                idle = unused > _IDLE_SECONDS and entry.spool.contents is not None
                if once or idle or self._is_old(entry) or snapshot.identity(question.path) != question.identity:
                    self._drop(entry)
            if (now := str(self._counters)) != said:
                said = now
                log.info("clones: %s", now)


async def _until(event: asyncio.Event) -> None:
    await event.wait()
    raise ClientGone


def _packed(path: Path) -> int:
    """Bytes of the packs of the repository at `path`."""
    try:
        with os.scandir(path / "objects" / "pack") as entries:
            return sum(entry.stat().st_size for entry in entries if entry.name.endswith(".pack"))
    except OSError:
        return 0


def _free(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = os.statvfs(folder)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize


def _is_refusal(said: bytes) -> bool:
    """Whether git has said why it will not answer (gitprotocol-common(5), `ERR`), and nothing else."""
    lines = packets.split(said) or [b""]
    return lines[-1].startswith(b"ERR ")
