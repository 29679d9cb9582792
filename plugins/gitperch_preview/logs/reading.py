"""Reading a log: masked, as text, from any offset, to its present end or for as long as it grows."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from gitperch_preview.logs.masking import masker, replaced
from gitperch_preview.logs.plain import text_of, whole

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
    from pathlib import Path

    Secrets = Callable[[], Awaitable[Iterable[str]]]

CHUNK = 64 << 10
LOOK_SECONDS = 0.2
FARTHEST = 1 << 20  # bytes from the end in which the last lines are looked for


@dataclass(frozen=True)
class Piece:
    """Text, and the offset in the file behind it, from which to go on."""

    text: str
    end: int


class Reader:
    """Reads the log at `path` from `offset` on; use it as a context manager, in a thread. A log that is not there is empty.

    What is hidden does not depend on `offset`: a secret is known by what stands before it, too.
    """

    def __init__(self, path: Path, secrets: Iterable[str], offset: int = 0, *, colours: bool = False) -> None:
        self._path = path
        self._masker = masker(tuple(secrets))
        self._colours = colours
        self._from = offset
        self._at = max(0, offset - self._masker.longest)  # of the first byte in _data
        self._data = b""
        self._gap = 0  # bytes that were left out behind it
        self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            os.close(self._file)

    @property
    def has_more(self) -> bool:
        """Whether the file has grown, or has shrunk, since it was read."""
        return self._is_open() and os.fstat(self._file).st_size != self._at + len(self._data)

    @property
    def size(self) -> int:
        """The file's length."""
        return os.fstat(self._file).st_size if self._is_open() else 0

    @property
    def is_removed(self) -> bool:
        return self._is_open() and not os.fstat(self._file).st_nlink

    def _is_open(self) -> bool:
        if self._file < 0:
            with contextlib.suppress(FileNotFoundError):  # it may be made later
                self._file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return self._file >= 0

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on, hide these."""
        self._masker = masker(tuple(secrets))

    def read(self, *, last: bool = False) -> Piece | None:
        """What comes next, as far as it can be shown; None where that is nothing yet. With `last`, nothing is held back at the end."""
        while self.fetch():
            if piece := self.take():
                return piece
        return self.take(last=last)

    def fetch(self) -> bool:
        """Read on; whether there was anything. What is hidden of it is up to `take`: a secret is known before it can be written, so whoever
        asks which there are asks between the two."""
        if not self._is_open():
            return False
        at, size = self._at + len(self._data), os.fstat(self._file).st_size
        if at > size:  # cut by the other way of keeping it small; what is there was read, but for the last moment
            self._data, self._at, at = b"", size, size
        self._gap = self._data_from(at, size) - at
        chunk = b"" if self._gap else self._chunk(at, size)
        self._data += chunk
        return bool(chunk or self._gap)

    def take(self, *, last: bool = False) -> Piece | None:
        """What of that can be shown."""
        if self._gap:
            gap, self._gap = self._gap, 0
            text = self._taken(last=True)
            self._at += gap
            if self._at > self._from:
                text += f"({gap >> 10} KB were left out here: the log was full)\n"
        else:
            text = self._taken(last=last)
        return Piece(text, self._at) if text else None

    def _data_from(self, at: int, size: int) -> int:
        """The next offset behind a hole."""
        try:
            return os.lseek(self._file, at, os.SEEK_DATA) if at < size else at
        except OSError:  # ENXIO: nothing but a hole comes, as an app can make one that lengthens its own log
            return size

    def _chunk(self, at: int, size: int) -> bytes:
        if at >= size:
            return b""
        return os.pread(self._file, min(CHUNK, os.lseek(self._file, at, os.SEEK_HOLE) - at), at)

    def _taken(self, *, last: bool) -> str:
        """What of the data can be shown now."""
        data = self._data
        spans, sure = self._masker.look(data, last=last)
        if not last:
            sure = min(sure, whole(data[:sure]))
            sure = min((start for start, end in spans if start < sure < end), default=sure)
        spans = [span for span in spans if span[1] <= sure]
        shown = replaced(data[:sure], spans, min(sure, max(0, self._from - self._at)))
        self._data = data[sure:]
        self._at += sure
        return text_of(shown, colours=self._colours)


async def until_now(reader: Reader, secrets: Secrets) -> AsyncGenerator[Piece, None]:
    """The pieces up to where the log ends when it is asked for the first."""
    end = reader.size
    async for piece in _pieces(reader, secrets, last=True):
        yield piece
        if piece.end >= end:
            return


async def follow(reader: Reader, secrets: Secrets, over: Callable[[], bool]) -> AsyncGenerator[Piece | None, None]:
    """The pieces as they come, until `over()` or the log is removed; None again and again while nothing comes.

    One `stat` in `LOOK_SECONDS` for each that follows, and none when nobody does.
    """
    ended = False
    while True:
        if reader.has_more or ended:
            async for piece in _pieces(reader, secrets, last=ended):
                yield piece
        if ended:
            return
        yield None
        # Looked at before the log: what was written until then is still read, and what comes within the pause.
        ended = reader.is_removed or over()
        await asyncio.sleep(LOOK_SECONDS)


async def _pieces(reader: Reader, secrets: Secrets, *, last: bool) -> AsyncGenerator[Piece, None]:
    """What there is now. The secrets are asked for with each piece: a log may be followed before its app is given any."""
    while await asyncio.to_thread(reader.fetch):
        reader.hide(await secrets())
        if piece := await asyncio.to_thread(reader.take):
            yield piece
    if last and (piece := await asyncio.to_thread(reader.take, last=True)):
        yield piece


def start_of_last(path: Path, lines: int, farthest: int = FARTHEST) -> int:
    """The offset at which the last `lines` lines begin, `farthest` bytes before the end at most; 0 where there is no log."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        end = size = os.fstat(file).st_size
        if lines <= 0:
            return size
        if size and os.pread(file, 1, size - 1) == b"\n":
            end -= 1
        floor = max(0, size - farthest)
        while end > floor:
            start = max(floor, end - CHUNK)
            data = os.pread(file, end - start, start)
            while (found := data.rfind(b"\n")) >= 0:
                lines -= 1
                if not lines:
                    return start + found + 1
                data = data[:found]
            end = start
        return floor
    finally:
        os.close(file)
