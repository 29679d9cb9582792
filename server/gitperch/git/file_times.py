"""Whether a file is still the one that was read, as far as its times say so."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SETTLED_NS = 50_000_000  # file times may be as coarse as a timer tick: what is younger could change again unseen

Stamp = tuple[int, int, int]


def stamp(path: bytes | str | Path) -> Stamp:
    """Inode, time of the last change in nanoseconds, and size of the file or folder; zeros where there is none. Raises OSError."""
    try:
        status = os.stat(path)  # noqa: PTH116 -- a Path for each would cost more than the stat
    except FileNotFoundError:
        return 0, 0, 0
    return status.st_ino, status.st_mtime_ns, status.st_size
