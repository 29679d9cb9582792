"""Whoever fills the disk is ended before nobody can push any more, and what it wrote is removed at once.

The free space is looked at often, which costs next to nothing; who has taken it, only when little is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
from typing import TYPE_CHECKING

from gitperch_preview.runners.process.checkout import SPARE
from gitperch_preview.runners.process.places import bytes_in

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from gitperch_preview.runners.process.places import Places
    from gitperch_preview.runners.process.run import Run

LOOK_SECONDS = 0.25
LATER_SECONDS = 2.0  # after a look that found nobody to blame, but perhaps a cache
MUCH = 32 << 20
_MEMORY = ("/memfd:", "/dev/shm/", "/dev/zero", "/SYSV")  # noqa: S108 -- what such files are called that are on no disk
PROBLEM = "It had filled the server's disk, and was ended; what it wrote is gone."


async def nobody(_: int) -> int:
    """Where there is no other runner."""
    return 0


async def look(
    runs: Mapping[int, set[Run]],
    places: Places,
    free: Callable[[int], Awaitable[int]],
    rival: Callable[[int], Awaitable[int]],
    turn: asyncio.Lock,
) -> None:
    """Go on as long as there are `runs` (by their deployments), and once more. `free(bytes)` removes what can be made again.

    `rival(device)`: how much the greediest app of another runner has written to that device. Who has written more is ended, and whoever
    looks for somebody has the `turn`: room that the other has just made counts.
    """
    some = True
    while some:
        some = bool(runs)
        await asyncio.sleep(LOOK_SECONDS)
        if _full(places):
            async with turn:
                found = not _full(places) or await _ended(runs, places, rival)
            if not found:
                await free(SPARE)
                await asyncio.sleep(LATER_SECONDS if runs else 0)


def _full(places: Places) -> bool:
    return shutil.disk_usage(places.root).free < SPARE


async def written(runs: Mapping[int, set[Run]], places: Places) -> dict[int, int]:
    """Bytes that each deployment has written since it began."""
    return {
        number: await asyncio.to_thread(_written, those, places.deployment(number))
        for number, those in [(number, list(those)) for number, those in runs.items()]
    }


async def _ended(runs: Mapping[int, set[Run]], places: Places, rival: Callable[[int], Awaitable[int]]) -> bool:
    """End the one that has written the most since it began; False where none has written much."""
    sizes = await written(runs, places)
    most = max(sizes, key=lambda number: sizes[number], default=0)
    those = [run for run in runs.get(most, ()) if not run.ended.done()]
    if not those or sizes[most] < MUCH or sizes[most] < await rival(places.root.stat().st_dev):
        return False

    async def emptied() -> None:
        await places.remove(places.deployment(most))

    for run in those:
        run.final, run.problem, run.afterwards = True, PROBLEM, emptied
        run.kill()
    await asyncio.wait([run.ended for run in those])
    return True


def _written(runs: list[Run], folder: Path) -> int:
    """Bytes on disk of what has changed in `folder` since the first of `runs` began, and of what they hold open without a name.

    0 where `folder` is gone: they have ended meanwhile.
    """
    try:
        device = folder.stat().st_dev
    except FileNotFoundError:
        return 0
    return bytes_in(folder, min(run.began_at for run in runs)) + nameless(
        {pid for run in runs for pid in run.pids()}, device
    )


def nameless(pids: Iterable[int], device: int | None = None) -> int:
    """Bytes on disk (on `device`, where it is known) that these processes hold open without a name. For a thread."""
    sizes = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 -- names alone
                path = f"/proc/{pid}/fd/{name}"
                found = os.stat(path)  # noqa: PTH116
                if found.st_nlink or not stat.S_ISREG(found.st_mode) or device not in (None, found.st_dev):
                    continue
                if not os.readlink(path).startswith(_MEMORY):  # noqa: PTH115
                    sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())
