"""The server's memory and open files over time, and whether they grow."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from contrib.bench import processes

if TYPE_CHECKING:
    from collections.abc import Sequence

Sample = tuple[float, float, float]  # seconds, bytes of resident memory, open files

EVERY_SECONDS = 2.0
FEW = 8  # samples that say nothing yet
WARM_UP = 0.25  # of the run; caches fill meanwhile
# What a run may seem to grow by, from the end of its warm-up to its end: the least squares of samples that go up and down with the load.
MEMORY_GROWTH = 12 << 20
FILES_GROWTH = 10.0


class Watch:
    """Samples the process `pid` until it is told to stop."""

    def __init__(self, pid: int) -> None:
        self.samples: list[Sample] = []
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            try:
                now = processes.resident_memory(self._pid), processes.open_files(self._pid)
            except OSError:
                return  # the server has ended, which others notice
            self.samples.append((time.monotonic(), *now))

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def report(samples: Sequence[Sample]) -> list[str]:
    """Print what was seen; what is wrong with it, a sentence each."""
    if len(samples) < FEW:
        return ["the run was too short to say whether the server grows"]
    began, ended = samples[0][0], samples[-1][0]
    steady = [sample for sample in samples if sample[0] >= began + WARM_UP * (ended - began)]
    seconds = [sample[0] for sample in steady]
    complaints = []
    for what, at, unit, scale, bound in (
        ("resident memory", 1, " MB", 1 << 20, MEMORY_GROWTH),
        ("open files", 2, "", 1, FILES_GROWTH),
    ):
        values = [sample[at] for sample in steady]
        growth = slope(seconds, values) * (seconds[-1] - seconds[0])
        print(
            f"{what}: {min(values) / scale:.0f} to {max(values) / scale:.0f}{unit}, growth in "
            f"{seconds[-1] - seconds[0]:.0f} s {growth / scale:+.1f}{unit} (at most {bound / scale:.0f}{unit})"
        )
        print(
            f"  over time: {' '.join(f'{sample[at] / scale:.0f}' for sample in samples[:: max(1, len(samples) // 12)])}{unit}"
        )
        if growth > bound:
            complaints.append(f"{what} grew by {growth / scale:.1f}{unit}")
    return complaints


def slope(times: list[float], values: list[float]) -> float:
    """Of the line of least squares through the points."""
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in times)
    return (
        sum((at - middle) * (value - mean) for at, value in zip(times, values, strict=True)) / spread if spread else 0.0
    )
