"""From `git push` to the open page: a real push, and the WebSocket that a page would hold."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from base64 import b64encode
from typing import TYPE_CHECKING

from contrib.bench.servers import GIT, PASSWORD, Gitperch
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from pathlib import Path


async def push_to_browser(work: Path, server: Gitperch, name: str, pushes: int) -> tuple[list[float], list[float]]:
    """Push commits, one at a time; for each, ms from the end and from the start of `git push` to the page's message.

    The commits are made without a work tree on a branch that begins at nothing, so that the client's own work stays small.
    A message that comes before git has ended counts as 0 after its end.
    """
    work.mkdir()
    _git(work, "init", "--quiet", "--bare", ".")
    after, whole = [], []
    signed = "Basic " + b64encode(f"{server.user}:{PASSWORD}".encode()).decode()
    address = f"ws://127.0.0.1:{server.port}/api/repos/{server.user}/{name}/live"
    tree = _git(work, "hash-object", "-t", "tree", "-w", "/dev/null")
    parent = ""
    async with connect(address, additional_headers={"Authorization": signed}) as page:
        await page.recv()
        for number in range(pushes + 2):
            commit = _git(work, "commit-tree", tree, "-m", f"Push {number}", *(["-p", parent] if parent else []))
            parent = commit
            began = time.perf_counter()
            push = await asyncio.create_subprocess_exec(
                "git", "push", "--quiet", server.remote(name), f"{commit}:refs/heads/pushed", cwd=work, env=GIT,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            arrival = asyncio.ensure_future(_arrival(page))
            if await push.wait():
                raise RuntimeError("git push failed")
            ended = time.perf_counter()
            arrived = await asyncio.wait_for(arrival, 30)
            if number >= 2:  # the first two warm everybody up
                after.append(max(0.0, (arrived - ended) * 1000))
                whole.append((arrived - began) * 1000)
    return after, whole


async def _arrival(page) -> float:  # type: ignore[no-untyped-def]
    while json.loads(await page.recv())["type"] != "graph.changed":
        pass
    return time.perf_counter()


def _git(work: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=work, env=GIT, text=True, check=True, stdout=subprocess.PIPE
    ).stdout.strip()
