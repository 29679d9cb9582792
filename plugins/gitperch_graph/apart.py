"""Building an index in a process of its own, which gives its memory back when it is done."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from gitperch_graph.repository import SECONDS, HistoryUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_COMPLAINT = 2000  # bytes of what it says when it fails


async def build(
    path: Path, index_path: Path, environment: Mapping[str, str], told: Callable[[float, int], None]
) -> None:
    """`build.build` for the bare repository at `path`. `told` hears how far it has come and how many commits there are.

    Raises HistoryUnreadable.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gitperch_graph.build", str(path), str(index_path)),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout and process.stderr  # noqa: S101, PT018 -- pipes, as asked for
    complaint = asyncio.ensure_future(process.stderr.read())
    try:
        async with asyncio.timeout(SECONDS * 2):
            async for line in process.stdout:
                progress, _, commits = line.partition(b" ")
                told(float(progress), int(commits))
            await process.wait()
            said = (await complaint)[-_COMPLAINT:]
    except TimeoutError:
        raise HistoryUnreadable(f"its index was not built after {SECONDS * 2:.0f} s") from None
    finally:
        complaint.cancel()
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise HistoryUnreadable(said.decode("utf-8", "replace").strip()[-500:] or "the build ended early")
