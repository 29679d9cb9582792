"""A house with the runner `docker`, and repositories to deploy from."""

from __future__ import annotations

import asyncio
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_preview.contract import Command, Deployment, Recipe
from gitperch_preview.runners.docker import DockerRunner
from support.house import house
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import pytest

    from gitperch_preview.contract import Running, Upstream
    from support.engine import Engine
    from support.house import House

Inside = Callable[["Callable[[Yard], Awaitable[None]]"], None]
SECONDS = 120.0
MEMORY = 64 << 20
SERVES = """\
import http.server, os
print("the app listens", flush=True)
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(os.environ["PORT"]), bind=os.environ["HOST"])
"""
START = Command("exec python3 app.py", "gitperch.toml command")


@dataclass
class Written:
    """A deployment's log."""

    path: Path

    def heading(self, text: str) -> None:
        self._append(f"-----> {text}\n")

    def line(self, text: str) -> None:
        self._append(f"       {text}\n")

    def _append(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    @property
    def text(self) -> str:
        return self.path.read_text() if self.path.exists() else ""


@dataclass
class Yard:
    house: House
    engine: Engine
    folder: Path
    runner: DockerRunner = field(init=False)
    deployments: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runner = DockerRunner(self.house.host, self.folder / "runner")

    async def restart(self) -> None:
        """A runner that knows nothing of what the one before it did, as after the server was killed and started again."""
        await self.runner.close()
        for name, task in list(self.house.host.tasks._tasks.items()):
            if name.startswith(("docker events", "log of container")):
                task.cancel()
                await asyncio.wait([task])
        self.runner = DockerRunner(self.house.host, self.folder / "runner")

    async def push(
        self,
        files: Mapping[str, str | bytes],
        recipe: Recipe | None = None,
        *,
        repository: str = "shop",
        branch: str = "main",
        memory: int = MEMORY,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[Deployment, Written]:
        """A commit with `files` in a branch of the repository, and what is to be deployed."""
        repo = await self.house.host.repositories.find("alice", repository) or await self.house.repository(repository)
        work = self.folder / repository
        oid = commit(work, dict(files))
        remote = f"http://alice:{await self.house.token()}@127.0.0.1:{self.house.port}/alice/{repository}.git"
        done = await asyncio.to_thread(git, "push", "--force", remote, f"HEAD:refs/heads/{branch}", cwd=work)
        assert done.returncode == 0, done.stderr
        self.deployments += 1
        deployment = Deployment(
            self.deployments,
            repo,
            branch,
            oid,
            "label",
            "http://label.localhost/",
            recipe or Recipe("process", commands=(START,)),
            memory,
            environment or {},
        )
        return deployment, Written(self.folder / f"{self.deployments}.log")

    async def up(self, deployment: Deployment, log: Written) -> Running:
        """Build and start it, and wait until its port is open."""
        await self.runner.build(deployment, log)
        commands = deployment.recipe.commands
        running = await self.runner.start(deployment, log, commands[0] if commands else None)
        await answering(running.upstream)
        return running


async def answering(upstream: Upstream, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                _, writer = await asyncio.open_connection(upstream.host, upstream.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


async def page(upstream: Upstream, path: str = "/") -> str:
    def get() -> str:
        try:
            with urllib.request.urlopen(f"http://{upstream.host}:{upstream.port}{path}", timeout=10) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return f"{error.code}"

    return await asyncio.to_thread(get)


@asynccontextmanager
async def yard(folder: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine, **settings: str) -> AsyncIterator[Yard]:
    given = {"DOCKER": engine.address, "IMAGE": engine.image} | settings
    named = {f"GITPERCH_PREVIEWS_{name}": value for name, value in given.items()}
    async with house(folder / "data", monkeypatch, settings=named) as it:
        made = Yard(it, engine, folder / "yard")
        try:
            yield made
        finally:
            await made.runner.close()


def inside_yard(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> Inside:
    """What runs a test in a yard of its own."""

    def run(test: Callable[[Yard], Awaitable[None]]) -> None:
        async def go() -> None:
            async with yard(folder, monkeypatch, engine, **settings) as it, asyncio.timeout(SECONDS):
                await test(it)

        try:
            asyncio.run(go())
        finally:
            if sys.version_info < (3, 12):
                # The server made the child watcher one of this loop's, which is closed now.
                asyncio.set_event_loop_policy(None)

    return run
