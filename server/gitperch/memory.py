"""What a small machine asks of a long-lived process: memory that was needed once goes back to the system."""

from __future__ import annotations

import ctypes

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
