"""The output of a container, appended to its deployment's log: from where this server, or the one before it, stopped reading."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.runners.docker.engine import EngineError, EngineGone
from gitperch_preview.runners.docker.streams import unframed
from gitperch_preview.runners.docker.watch import nanoseconds

if TYPE_CHECKING:
    from gitperch.host import Host
    from gitperch_preview.runners.docker.engine import Engine

log = logging.getLogger("gitperch.preview.docker")

_BACKOFF_SECONDS = 0.5
_BREATH_SECONDS = 0.02  # after 64 KB: a container that never stops talking gets no more than a few MB a second
_BURST = 64 << 10
_STAMP = re.compile(rb"(\S{20,35}Z) ?")


class Follower:
    """One task for each container that runs. `folder` remembers how far each was read."""

    def __init__(self, engine: Engine, host: Host, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._engine = engine
        self._tasks = host.tasks
        self._folder = folder
        self._done: dict[str, asyncio.Event] = {}
        self._words: dict[str, tuple[bytes, asyncio.Event]] = {}

    def start(self, container: str, path: Path) -> None:
        """Follow `container` into the file `path` until it ends."""
        position = self._folder / container
        if not position.exists():
            position.write_text(f"{0:<32d}\n{path}", "utf-8")
        self._begin(container, path)

    def resume(self, container: str) -> None:
        """Follow a container that an earlier server had started, into the file that it had then."""
        position = self._folder / container
        if position.exists():
            self._begin(container, Path(position.read_text("utf-8").partition("\n")[2]))

    def _begin(self, container: str, path: Path) -> None:
        if container in self._done:
            return
        done = self._done[container] = asyncio.Event()

        async def work() -> None:
            try:
                await self._follow(container, path)
            finally:
                done.set()
                if self._done.get(container) is done:
                    del self._done[container]
                    self._words.pop(container, None)

        self._tasks.start(f"log of container {container[:12]}", work)

    def word(self, container: str, word: str) -> asyncio.Event:
        """Set once `container` says this word on a line of its own, which its log will not have."""
        said = asyncio.Event()
        self._words[container] = (word.encode(), said)
        return said

    async def caught_up(self, container: str, seconds: float) -> None:
        """Wait until all that an ended container said is in its log, or so long."""
        done = self._done.get(container)
        if done:
            try:
                async with asyncio.timeout(seconds):
                    await done.wait()
            except TimeoutError:
                log.info("the log of container %s is not read to its end after %s s", container[:12], seconds)

    def forget(self, container: str) -> None:
        (self._folder / container).unlink(missing_ok=True)

    def forget_all_but(self, containers: set[str]) -> None:
        for file in self._folder.iterdir():
            if file.name not in containers:
                file.unlink(missing_ok=True)

    async def _follow(self, container: str, path: Path) -> None:
        with contextlib.ExitStack() as opened:
            try:
                position = os.open(self._folder / container, os.O_RDWR)
                opened.callback(os.close, position)
                file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                opened.callback(os.close, file)
            except FileNotFoundError:
                return  # the container, or its preview with all logs, was removed before a word was read
            while True:
                try:
                    await self._read(container, file, position)
                    found = await self._engine.find(f"/containers/{container}/json")
                    if not found or not found["State"]["Running"]:
                        return
                except EngineError as error:
                    if error.status in (404, 409):
                        return
                    log.info("the log of container %s stopped: %s", container[:12], error)
                except EngineGone as error:
                    log.info("the log of container %s stopped: %s", container[:12], error)
                await asyncio.sleep(_BACKOFF_SECONDS)

    async def _read(self, container: str, file: int, position: int) -> None:
        last = int(os.pread(position, 32, 0).strip(b"\0\n ") or b"0")
        query = {"follow": True, "stdout": True, "stderr": True, "timestamps": True}
        since = {"since": f"{(last + 1) // 10**9}.{(last + 1) % 10**9:09d}"} if last else {}
        async with self._engine.stream("GET", f"/containers/{container}/logs", query={**query, **since}) as answer:
            buffer, burst = bytearray(), 0
            async for data in answer:
                buffer += data
                burst += len(data)
                text, before = bytearray(), last
                for _, line in unframed(buffer):
                    stamp = _STAMP.match(line)
                    at = nanoseconds(stamp[1].decode("ascii", "replace")) if stamp else 0
                    if stamp and at > last:
                        last = at
                        text += self._without_word(container, line[stamp.end() :])
                if last > before:
                    # Both or neither, as far as a process that may be killed at any moment can have it.
                    os.write(file, text)
                    os.pwrite(position, b"%-32d" % last, 0)
                if burst > _BURST:
                    burst = 0
                    await asyncio.sleep(_BREATH_SECONDS)

    def _without_word(self, container: str, line: bytes) -> bytes:
        word, said = self._words.get(container, (b"", None))
        if not said or line.strip() != word:
            return line
        del self._words[container]
        said.set()
        return b""
