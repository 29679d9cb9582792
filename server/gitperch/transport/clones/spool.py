"""Bytes that one process makes once and many clients take, each at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from gitperch.transport.clones import files

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

IN_MEMORY = 1 << 20  # bytes; more lie in a file
# Bytes read at once: as an object of Python's, still below what the allocator would map and unmap each time.
_PIECE = 252 << 10
_WINDOW = 2 << 20  # bytes on their way when the disk takes no more


class Reader:
    """One who takes the bytes in order; `at` is how many it has."""

    __slots__ = ("_place", "at")

    def __init__(self, at: int = 0) -> None:
        self.at = at
        self._place: memoryview | None = None

    def place(self, size: int) -> memoryview:
        """Where to read the next bytes to, at most `_PIECE`; the same each time."""
        if self._place is None:
            self._place = memoryview(bytearray(_PIECE))
        return self._place[:size]


class Spool:
    """Grows by `append` until `finish` or `fail`. In memory while it is small, then in a file without a name.

    Where there is no room for more, what follows passes by through a window: the writer then waits for the slowest of those who
    read, and nobody may begin to.
    """

    def __init__(self, folder: Path, room: Callable[[int], bool], in_memory: int = 0) -> None:
        """`room(n)` takes `n` more bytes of the disk's share, or says False; a negative `n` gives them back.

        `in_memory` is in bytes, `IN_MEMORY` unless it is given.
        """
        self._in_memory = in_memory or IN_MEMORY
        self._folder = folder
        self._room = room
        self._memory = bytearray()
        self._file: files.OpenFile | None = None
        self._window: deque[bytes] = deque()
        self._window_at = 0
        self._moved = asyncio.Event()
        self._readers: set[Reader] = set()
        self._stored = 0
        self.taken = 0
        """Bytes of the disk's share."""
        self.size = 0
        self.last = b""
        """The last four bytes."""
        self.passing = False
        """Whether there was no room for all of it."""
        self.contents: bytes | None = None
        """All of it, once it is whole and in memory."""
        self.whole = False
        self.error: Exception | None = None

    def join(self) -> Reader:
        reader = Reader()
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        self._move()

    async def append(self, data: bytes) -> None:
        self.last = (self.last + data[-4:])[-4:]
        if not self._file and not self.passing:
            if len(self._memory) + len(data) <= self._in_memory:
                self._memory += data
                self._grow(len(data))
                return
            await self._out_of_memory()
        if not self.passing:
            done = await self._store(data)
            self._grow(done)
            data = data[done:]
            self._pass_on(bool(data))
        if data:
            await self._pass(data)

    def finish(self) -> None:
        if not self._file and not self.passing:
            self.contents = bytes(self._memory)
            self._memory.clear()
        self.whole = True
        self._move()

    def fail(self, error: Exception) -> None:
        """Let those who read have what came, and then this error."""
        self.error = error
        self._move()

    def beginning(self) -> bytes:
        """What is in memory."""
        return self.contents or bytes(self._memory)

    def release(self) -> None:
        """Give back the disk's share. Who still reads may go on."""
        self._room(-self.taken)
        self.taken = 0

    async def read(self, reader: Reader) -> bytes:
        """The next bytes; b"" at the end. Raises what the spool failed with."""
        while reader.at == self.size and not self.whole and not self.error:
            await self._moved.wait()
        if reader.at == self.size:
            if self.error:
                raise self.error
            return b""
        data = await self._next(reader)
        reader.at += len(data)
        if self.passing:
            self._move()
        return data

    async def pieces(self, at: int, count: int) -> AsyncIterator[bytes]:
        """`count` bytes from `at` on, of a whole spool; in the same pieces for everyone who asks the same."""
        reader = Reader(at)
        while count:
            data = (await self._next(reader))[:count]
            yield data
            reader.at, count = reader.at + len(data), count - len(data)

    async def _next(self, reader: Reader) -> bytes:
        at = reader.at
        if self.passing and at >= self._window_at:
            begin = self._window_at
            for chunk in self._window:
                if at < begin + len(chunk):
                    return chunk[at - begin :]
                begin += len(chunk)
        memory = self._memory if self.contents is None else self.contents
        if at < len(memory):
            return bytes(memoryview(memory)[at : at + _PIECE])
        assert self._file  # noqa: S101 -- what is not in memory and does not pass by is there
        place = reader.place(min(_PIECE, self._stored - at))
        await files.read(self._file, [place], at)
        return bytes(place)

    async def _out_of_memory(self) -> None:
        if await self._store(bytes(self._memory)) == len(self._memory):
            self._memory.clear()
        else:
            self._file = None
            self.release()
            self._pass_on(True)

    async def _store(self, data: bytes) -> int:
        """How many bytes of `data` found room at the end of the file."""
        if not self._room(len(data)):
            return 0
        self.taken += len(data)
        try:
            self._file = self._file or files.nameless(self._folder)
        except OSError:
            return 0
        done = await asyncio.to_thread(files.write, self._file, data, self._stored)
        self._stored += done
        return done

    def _pass_on(self, full: bool) -> None:
        self.passing, self._window_at = full, self.size

    async def _pass(self, data: bytes) -> None:
        self._window.append(data)
        self._grow(len(data))
        while True:
            slowest = min((reader.at for reader in self._readers), default=self.size)
            while self._window and self._window_at + len(self._window[0]) <= slowest:
                self._window_at += len(self._window.popleft())
            if self.size - self._window_at <= _WINDOW:
                return
            await self._moved.wait()

    def _grow(self, count: int) -> None:
        self.size += count
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved.clear()
