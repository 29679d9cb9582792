"""From `git push` to the open page: real pushes, and the WebSockets that pages would hold."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from base64 import b64encode
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.crowd import Crowd
from contrib.bench.servers import GIT, PASSWORD, Gitperch
from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from pathlib import Path

WARM_UP = 2  # pushes that are not counted


class Pusher:
    """Makes commits without a work tree, on a branch that begins at nothing, so that the client's own work stays small."""

    def __init__(self, work: Path, server: Gitperch, name: str, commits: int) -> None:
        work.mkdir()
        self._work = work
        self._commits = commits
        self._target = f"refs/heads/pushed-{work.name}"
        self._remote = server.remote(name)
        self._git("init", "--quiet", "--bare", ".")
        self._tree = self._git("hash-object", "-t", "tree", "-w", "/dev/null")
        self._tip = ""
        self._count = 0

    def commit(self) -> None:
        for _ in range(self._commits):
            self._count += 1
            above = ["-p", self._tip] if self._tip else []
            self._tip = self._git("commit-tree", self._tree, "-m", f"Commit {self._count}", *above)

    async def push(self) -> tuple[float, float]:
        """When `git push` began and when it had ended (`time.monotonic`)."""
        began = time.monotonic()
        push = await asyncio.create_subprocess_exec(
            "git", "push", "--quiet", self._remote, f"{self._tip}:{self._target}", cwd=self._work, env=GIT,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        if await push.wait():
            raise RuntimeError("git push failed")
        return began, time.monotonic()

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self._work, env=GIT, text=True, check=True, stdout=subprocess.PIPE
        ).stdout.strip()


async def push_to_browser(
    work: Path, server: Gitperch, name: str, pushes: int, commits: int = 1
) -> tuple[list[float], list[float]]:
    """Push so many commits at a time; for each push, ms from the end and from the start of `git push` to the page's message.

    A message that comes before git has ended counts as 0 after its end.
    """
    pusher = Pusher(work, server, name, commits)
    after, whole = [], []
    signed = "Basic " + b64encode(f"{server.user}:{PASSWORD}".encode()).decode()
    address = f"ws://127.0.0.1:{server.port}/api/repos/{server.user}/{name}/live"
    async with connect(address, additional_headers={"Authorization": signed}) as page:
        await page.recv()
        for number in range(pushes + WARM_UP):
            pusher.commit()
            arrival = asyncio.ensure_future(_arrival(page))
            began, ended = await pusher.push()
            arrived = await asyncio.wait_for(arrival, 30)
            if number >= WARM_UP:
                after.append(max(0.0, (arrived - ended) * 1000))
                whole.append((arrived - began) * 1000)
    return after, whole


async def push_to_crowd(
    work: Path, server: Gitperch, name: str, pushes: int, pages: int
) -> tuple[list[float], list[float], float]:
    """Push ten commits at a time while so many pages look on: ms from the start of `git push` to the median page and to the last one,
    and the KB of the server's private memory that each page takes."""
    pusher = Pusher(work, server, name, 10)
    median, last = [], []
    before = processes.private_memory(server.pids())
    async with Crowd(server, f"{server.user}/{name}", pages) as crowd:
        for number in range(pushes + WARM_UP):
            pusher.commit()
            (began, _), heard = await asyncio.gather(pusher.push(), crowd.heard())
            if number >= WARM_UP:
                median.append((heard[1] - began) * 1000)
                last.append((heard[2] - began) * 1000)
        each = (processes.private_memory(server.pids()) - before) / 1024 / pages
    return median, last, each


async def _arrival(page) -> float:  # type: ignore[no-untyped-def]
    while json.loads(await page.recv())["type"] != "graph.changed":
        pass
    return time.monotonic()
