"""Processes as /proc shows them: who descends from whom, their private memory, and the cores they may use."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

PROC = Path("/proc")


def tree(roots: Iterable[int]) -> list[int]:
    """`roots` and all their descendants."""
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in everybody().items():
        children.setdefault(parent, []).append(pid)
    found = list(roots)
    for pid in found:  # grows meanwhile
        found += children.get(pid, ())
    return found


def everybody() -> dict[int, tuple[int, str, str]]:
    """(parent, state, name) of every process."""
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (entry / "stat").read_text("utf-8", "replace").rpartition(")")
                state, parent = rest.split()[:2]
                found[int(entry.name)] = (int(parent), state, name.partition("(")[2])
    return found


def private_memory(pids: Iterable[int]) -> int:
    """Bytes that no other process shares: Private_Clean and Private_Dirty of smaps_rollup (proc(5)), summed."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # it has ended
            for line in (PROC / str(pid) / "smaps_rollup").read_text("ascii").splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    total += int(line.split()[1]) << 10
    return total


def resident_memory(pid: int) -> int:
    """Bytes of resident memory. Raises OSError when the process has ended."""
    return int((PROC / str(pid) / "statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time, user's and system's, that `pids` and the descendants they have now have used (proc(5), utime and stime)."""
    ticks = 0
    for pid in tree(pids):
        with contextlib.suppress(OSError):
            rest = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            ticks += int(rest[11]) + int(rest[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    """How many descriptors are open. Raises OSError when the process has ended."""
    return len(os.listdir(PROC / str(pid) / "fd"))  # noqa: PTH208 -- names alone


def pin(roots: Iterable[int], cores: set[int]) -> None:
    """Let `roots` and their descendants, with all their threads, run on `cores` only; their children will too."""
    for pid in tree(roots):
        with contextlib.suppress(OSError):
            for thread in (PROC / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)


class PeakMemory:
    """Inside the block, the private memory of `roots` and their descendants is sampled; `bytes` is the most that was seen."""

    def __init__(self, roots: list[int], every_seconds: float = 0.1) -> None:
        self._roots = roots
        self._every_seconds = every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def _watch(self) -> None:
        while not self._over.wait(self._every_seconds):
            self.bytes = max(self.bytes, private_memory(tree(self._roots)))

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
