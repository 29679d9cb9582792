"""Room on the disk before a build: what can be made again goes first."""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from gitperch_preview.conductor.stage import Stage
    from gitperch_preview.contract import Log, Runner

log = logging.getLogger("gitperch.preview")

_FREE_SECONDS = 120.0


async def make_room(stage: Stage, log: Log) -> None:
    """See that `previews.disk_free` is free. Raises RunnerError where that cannot be had."""
    wanted = stage.host.config.previews.disk_free_bytes
    if (missing := _missing(stage, wanted)) <= 0:
        return
    log.heading("Making room on the disk")
    for runner in stage.runners.values():
        won = await _freed(runner, missing)
        if won:
            log.line(f"{_megabytes(won)} of caches and images that can be made again are gone.")
        if (missing := _missing(stage, wanted)) <= 0:
            return
    raise RunnerError(
        f"The server's disk has {_megabytes(wanted - missing)} left, and a build needs {_megabytes(wanted)} (previews.disk_free)."
        " Delete branches that are done, or ask whoever runs this server."
    )


async def _freed(runner: Runner, wanted: int) -> int:
    """Bytes that are won; one that fails wins none."""
    try:
        async with asyncio.timeout(_FREE_SECONDS):
            return 0 if await runner.usable() else await runner.free(wanted)
    except Exception:
        log.exception("the runner %s could not make room on the disk", runner.name)
        return 0


def _missing(stage: Stage, wanted: int) -> int:
    return wanted - shutil.disk_usage(stage.folder).free


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MB"
