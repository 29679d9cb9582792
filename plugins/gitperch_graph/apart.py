"""Building an index in a process of its own, which gives its memory back when it is done."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING

from gitperch_graph.repository import SECONDS, HistoryUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_COMPLAINT = 2000  # bytes of what it says when it fails


async def build(
    path: Path, index_path: Path, environment: Mapping[str, str], told: Callable[[float, int], None]
) -> None:
    """`build.build` for the bare repository at `path`. `told` hears how far it has come and how many commits there are.

    Raises HistoryUnreadable.
    """

    def heard(line: str) -> None:
        progress, _, commits = line.partition(" ")
        told(float(progress), int(commits))

    await run("gitperch_graph.build", (str(path), str(index_path)), environment, heard, seconds=SECONDS * 2)


async def run(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    told: Callable[[str], None],
    *,
    stdin: bytes = b"",
    seconds: float,
) -> None:
    """`python -m module` with `arguments`; `told` hears its lines.

    Raises HistoryUnreadable when it fails or takes longer than `seconds`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin and process.stdout and process.stderr  # noqa: S101, PT018 -- pipes, as asked for
    complaint = asyncio.ensure_future(process.stderr.read())
    try:
        async with asyncio.timeout(seconds):
            process.stdin.write(stdin)
            process.stdin.close()
            async for line in process.stdout:
                told(line.decode("ascii", "replace").strip())
            await process.wait()
            said = (await complaint)[-_COMPLAINT:]
    except TimeoutError:
        raise HistoryUnreadable(f"it was not done after {seconds:.0f} s") from None
    finally:
        complaint.cancel()
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise HistoryUnreadable(said.decode("utf-8", "replace").strip()[-500:] or "the build ended early")
