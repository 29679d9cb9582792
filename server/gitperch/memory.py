"""What a small machine asks of a long-lived process: memory that was needed once goes back to the system."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

_MADV_DONTNEED = 4  # madvise(2)
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-.p \S+ \S+ [1-9]\d* +/.*/lib(?:crypto|ssl)[^/]*$")
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # mallopt(3)


def tune() -> None:
    """Tell glibc's allocator, where it is the allocator, to keep one arena and to return what is free. Call before any thread.

    Left alone it gives each thread an arena of its own, and once a password's 16 MB of scrypt were freed, it takes the next ones
    from the heap and keeps them. A megabyte it may keep: what streams take and give back for every piece would otherwise be asked of the
    system, and zeroed by it, each time.
    """
    try:
        libc = ctypes.CDLL(None)
        for parameter, value in ((_ARENA_MAX, 1), (_MMAP_THRESHOLD, 256 << 10), (_TRIM_THRESHOLD, 1 << 20)):
            libc.mallopt(parameter, value)
    except (OSError, AttributeError):
        return  # another C library, with habits of its own


def rest() -> None:
    """Let go of the pages that OpenSSL, ours and libgit2's own, went through to set itself up: 8 MB, little of which is read again.

    What is comes back from the system's cache. Only what is as it is in its file is let go: a page that was relocated is the only one.
    And only of libraries, since nobody unmaps those in between. Takes some milliseconds; call in a thread.
    """
    try:
        mappings = Path("/proc/self/smaps").read_text("utf-8", "replace")
        madvise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return  # another system
    found = None
    for line in mappings.splitlines():
        if "-" in line[:17]:
            found = _MAPPING.match(line)
        elif found and line.startswith("Anonymous:") and line.split()[1] == "0":
            start, end = (int(each, 16) for each in found.groups())
            madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _MADV_DONTNEED)
