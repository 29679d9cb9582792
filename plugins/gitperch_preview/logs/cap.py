"""Keeping a file small while others append to it.

The middle of the file is given back to the disk: a hole (`FALLOC_FL_PUNCH_HOLE`, fallocate(2); ext4, xfs, btrfs, tmpfs). No byte moves,
so that nothing is lost, whoever writes meanwhile, and an offset means the same for ever; `ls` shows the file's whole length, `du`
what it takes. Where the file system cannot do that, the end is copied to the middle and the file cut behind it: what is written in the
moment between the last look and the cut is lost then, and offsets shift. That is also done once in half a gigabyte, since a process
may be limited in how long the files are that it writes to (setrlimit(2), RLIMIT_FSIZE).
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h
_LONGEST = 512 << 20
_LINE = 64 << 10  # so far a line's end is looked for
SHIFTED = b"\n(what stood here was left out: the log was full)\n"


def held(path: Path, max_bytes: int) -> int:
    """Make the file hold at most `max_bytes` if it holds more: its first quarter of that stays, and its last half.

    The bytes of the file's length that are left out now. Raises OSError.
    """
    with _opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        left_out = _hole(descriptor, size)
        if size - left_out <= max_bytes:
            return left_out
        head = _line_end_before(descriptor, max_bytes // 4)
        tail = _line_start_after(descriptor, size - max_bytes // 2)
        if size > _LONGEST or not _punch(descriptor, head, tail - head):
            _shift(descriptor, head, tail)
            return 0
        return _hole(descriptor, size)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    # Without O_APPEND: with it, Linux appends whatever pwrite(2) is told.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _hole(descriptor: int, size: int) -> int:
    """How many bytes are left out between the file's beginning and its end."""
    if not size:
        return 0
    start = os.lseek(descriptor, 0, os.SEEK_HOLE)
    if start >= size:
        return 0
    try:
        return os.lseek(descriptor, start, os.SEEK_DATA) - start
    except OSError:  # ENXIO: nothing but the hole comes
        return size - start


def _line_end_before(descriptor: int, at: int) -> int:
    start = max(0, at - _LINE)
    end = os.pread(descriptor, at - start, start).rfind(b"\n")
    return start + end + 1 if end >= 0 else at


def _line_start_after(descriptor: int, at: int) -> int:
    end = os.pread(descriptor, _LINE, at).find(b"\n")
    return at + end + 1 if end >= 0 else at


def _punch(descriptor: int, start: int, length: int) -> bool:
    """Whether the file system could. Raises OSError."""
    import ctypes  # late: most logs never get so long

    fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if fallocate is None:
        return False
    if not fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(length)):
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number))


def _shift(descriptor: int, to: int, start: int) -> None:
    """Move what is behind `start` to `to`, and cut the file behind it."""
    to += os.pwrite(descriptor, SHIFTED, to)
    while chunk := os.pread(descriptor, _LINE, start):
        start += len(chunk)
        to += os.pwrite(descriptor, chunk, to)
    os.ftruncate(descriptor, to)
