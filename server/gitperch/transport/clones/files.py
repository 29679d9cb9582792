"""Files that several streams read at once, each at its own place, and nobody has to close."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# preadv(2): answer from memory or not at all; where the system has no such thing, a thread waits for the disk.
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)


class FileEndedError(Exception):
    """A file is shorter than it was."""


class OpenFile:
    """An open file, closed when the last who hold it let go: a thread that still reads holds it too."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        os.close(self.fd)


def opened(path: Path) -> OpenFile | None:
    """The file at `path` to read from its beginning to its end; None where there is none."""
    try:
        file = OpenFile(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return None
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return file


def key(file: int | Path) -> tuple[int, ...]:
    """Tells the file at a path, or an open one, from every other. Raises OSError."""
    status = os.stat(file)  # noqa: PTH116 -- of a descriptor too
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def nameless(folder: Path) -> OpenFile:
    """A new file without a name in `folder`: it is gone with its last reader, whatever happens to the server. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError, AttributeError):  # not every file system, nor every system, can do this
        return OpenFile(os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, 0o600))
    fd, name = tempfile.mkstemp(dir=folder)
    os.unlink(name)  # noqa: PTH108 -- the name that mkstemp gave
    return OpenFile(fd)


async def read(file: OpenFile, views: Sequence[memoryview], offset: int) -> None:
    """Fill `views` from `offset` on: at once where the pages are in memory, in a thread where the disk has to be asked.

    Raises FileEndedError, or OSError as the disk does.
    """
    wanted = sum(map(len, views))
    if _NOWAIT is not None:
        try:
            if os.preadv(file.fd, views, offset, _NOWAIT) == wanted:
                return
        except OSError:
            pass  # not in memory, or a file system without this way: the thread finds out
    await asyncio.to_thread(_read, file, views, offset)


def _read(file: OpenFile, views: Sequence[memoryview], offset: int) -> None:
    for view in views:
        left = view
        while left:
            count = os.preadv(file.fd, [left], offset)
            if not count:
                raise FileEndedError(f"a file ends at {offset} bytes")
            left, offset = left[count:], offset + count


def write(file: OpenFile, data: bytes, offset: int) -> int:
    """How many bytes of `data` the disk took, which is not all of them when it is full."""
    done = 0
    with contextlib.suppress(OSError):  # what is missing says so
        while done < len(data):
            done += os.pwrite(file.fd, memoryview(data)[done:], offset + done)
    return done
