"""Commits, deployments and logs for the runner that starts processes."""

from __future__ import annotations

import asyncio
import itertools
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import Command, Deployment, Recipe
from gitperch_preview.runners.process import ProcessRunner, cell, cgroups
from support.server import git

if TYPE_CHECKING:
    from gitperch.repositories import Repository
    from gitperch_preview.contract import Running
    from support.house import House

MEMORY = 256 << 20
SERVER = """\
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = eval(VALUE).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(text))); self.end_headers()
        self.wfile.write(text)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def lack(*programs: str) -> None:
    """Have the runner find that these do not work here."""

    async def works(*command: str) -> bool:
        return command[0] not in programs and await cgroups.works(*command)

    cell.works = works  # type: ignore[attr-defined]


def serving(value: str) -> str:
    """A program in Python that answers every request with the value of the expression `value`."""
    return f"VALUE = {value!r}\n{SERVER}"


@dataclass
class TestLog:
    __test__ = False
    path: Path
    headings: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        self.headings.append(text)
        self._write(f"-----> {text}\n")

    def line(self, text: str) -> None:
        self._write(f"       {text}\n")

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8", "replace") if self.path.exists() else ""

    def _write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)


class Bench:
    """A repository, and a runner for what is committed to it."""

    lacking: tuple[str, ...] = ()

    def __init__(self, house: House, repository: Repository, folder: Path) -> None:
        self.house, self.repository, self.folder = house, repository, folder
        self.runner = ProcessRunner(house.host, folder / "runner")
        self.log = TestLog(folder / "log")
        self.work = folder / "work"
        self._ids = itertools.count(1)

    @classmethod
    async def make(cls, house: House, folder: Path, object_format: str = "sha1") -> Bench:
        owner = await house.host.people.find("alice")
        assert owner
        repository = await house.host.repositories.create(owner, "shop", private=True, object_format=object_format)
        folder.mkdir(exist_ok=True)
        bench = cls(house, repository, folder)
        assert git("init", "--quiet", f"--object-format={object_format}", "-b", "main", str(bench.work)).returncode == 0
        return bench

    def commit(self, files: Mapping[str, str | bytes], links: Mapping[str, str] | None = None) -> str:
        """Commit these files, and links with their targets, on top of what was there; the oid, which the repository has."""
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name, target in (links or {}).items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
        assert git("-C", str(self.work), "add", "--all", "--force").returncode == 0
        return self.commit_index()

    def commit_index(self) -> str:
        """Commit what the index has."""
        where = ("-C", str(self.work))
        for arguments in (
            ("commit", "--quiet", "--allow-empty", "-m", "A change"),
            ("push", "--quiet", "--force", str(self.repository.path), "main"),
        ):
            done = git(*where, *arguments)
            assert done.returncode == 0, done.stderr
        return git(*where, "rev-parse", "HEAD").stdout.strip()

    def deployment(
        self, oid: str, *, memory: int = MEMORY, environment: Mapping[str, str] | None = None, **recipe: Any
    ) -> Deployment:
        number = next(self._ids)
        found = Recipe("process", **recipe)
        return Deployment(
            number, self.repository, "main", oid, "main-shop", "http://x/", found, memory, environment or {}
        )

    async def up(self, deployment: Deployment, line: str) -> Running:
        """Built, started and answering."""
        await self.runner.build(deployment, self.log)
        running = await self.runner.start(deployment, self.log, Command(line, "a test"))
        await answering(running)
        return running


Test = Callable[[Bench], Coroutine[Any, Any, None]]
Run = Callable[[Test], None]
"""Runs a test with a bench."""


def step(line: str) -> tuple[Command, ...]:
    return (Command(line, "a test"),)


async def answering(running: Running, seconds: float = 60) -> str:
    """What the app answers at `/`, as soon as it does."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await asyncio.to_thread(get, running.upstream.port)
            except (urllib.error.URLError, ConnectionError):
                assert not running.ended.done(), running.ended.result()
                await asyncio.sleep(0.02)


def get(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
        return str(answer.read().decode())


def marked(bench: Bench) -> list[int]:
    """Processes of this machine that have the mark of a deployment of the bench's runner."""
    assert bench.runner._opened
    name = bench.runner._opened[0].name.encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"GITPERCH_DEPLOYMENT=" + name in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
