"""A running server some of whose branches have an app: which, and in which state, a file says."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.server import Server, commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What the conductor of the previews is to the gateway, with the file in its stead.
_PROGRAM = """
import asyncio, json, sys
from pathlib import Path

from gitperch.cli import main
from gitperch_preview import plugin
from gitperch_preview.contract import Place, Upstream

FILE = Path(sys.argv.pop(1))


class Places:
    def __init__(self):
        self.places, self.said, self.read_at = {}, {}, 0

    def find(self, repo_id, branch):
        self.look()
        return self.places.get(branch)

    def look(self):
        written_at = FILE.stat().st_mtime_ns
        if written_at == self.read_at:
            return
        self.read_at, self.said = written_at, json.loads(FILE.read_text())
        for branch, said in self.said.items():
            place = self.places.setdefault(branch, Place(1, branch, 1, ""))
            place.state, place.problem = said["state"], said.get("problem", "")
            place.upstream = Upstream(*said["upstream"]) if said.get("upstream") else None
        for branch in set(self.places) - set(self.said):
            del self.places[branch]

    def opened(self):
        self.look()
        for place in self.places.values():
            fresh = FILE.with_suffix(".count")
            fresh.write_text(str(place.open))
            fresh.rename(FILE.with_suffix(f".{place.branch}.open"))

    async def awake(self, place, seconds):
        self.told("awake", place)
        until = asyncio.get_running_loop().time() + seconds
        while not place.upstream and asyncio.get_running_loop().time() < until and place.state not in ("failed", "stopped"):
            await asyncio.sleep(0.02)
            self.look()
        return place.upstream

    async def unreachable(self, place, upstream):
        self.told("unreachable", place)
        self.look()

    def tail(self, place, lines):
        return self.said[place.branch].get("log", [])[-lines:]

    def told(self, what, place):
        with FILE.with_suffix(".told").open("a") as file:
            file.write(f"{what} {place.branch} {place.open} {place.visited_at > 0}\\n")


def start(self, host):
    started = begin(self, host)
    async def run():
        await started
        self.gateway.places = Places()
        async def watch():
            while True:
                await asyncio.sleep(0.02)
                self.gateway.places.opened()
        host.tasks.start("watch", watch)
    return run()


begin, plugin.PreviewPlugin.start = plugin.PreviewPlugin.start, start
sys.exit(main())
"""


@dataclass
class AppServer(Server):
    """`say` states of branches."""

    places: dict[str, dict[str, Any]] = field(default_factory=dict)

    def program(self) -> list[str]:
        file = self.data.parent / "program.py"
        file.write_text(_PROGRAM)
        self._write()
        return [sys.executable, str(file), str(self._file)]

    @property
    def _file(self) -> Path:
        return self.data.parent / "places.json"

    def _write(self) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(self.places))
        os.replace(fresh, self._file)  # noqa: PTH105 -- whole at any moment

    def say(self, branch: str, state: str, port: int | None = None, **more: Any) -> None:
        """`branch` has an app in `state`, that listens on `port` of this machine, if it does."""
        self.places[branch] = {"state": state, "upstream": ["127.0.0.1", port] if port else None, **more}
        self._write()

    def open(self, branch: str) -> int:
        """How many requests and sockets are open, counted after this was asked."""
        file = self._file.with_suffix(f".{branch}.open")
        for _ in range(2):  # the one that is being written may have been counted before
            last = file.stat().st_mtime_ns if file.exists() else 0
            until = time.monotonic() + 60
            while not file.exists() or file.stat().st_mtime_ns == last:
                assert time.monotonic() < until, "nobody counts"
                time.sleep(0.01)
        return int(file.read_text())

    @property
    def told(self) -> list[str]:
        """What the gateway asked for: `WHAT BRANCH OPEN VISITED` each."""
        file = self._file.with_suffix(".told")
        return file.read_text().splitlines() if file.exists() else []


def running(folder: Path, **settings: str) -> Iterator[AppServer]:
    """For a fixture."""
    folder.mkdir(exist_ok=True)
    server = AppServer(folder / "data", settings=settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def with_thing(folder: Path, **settings: str) -> Iterator[AppServer]:
    """For a fixture: with the public repository `alice/thing`, whose branch `main` has a file."""
    for server in running(folder, **settings):
        server.cli("repo", "add", "alice/thing", "--public")
        work = server.data.parent / "thing"
        commit(work, {"index.html": "a file"})
        server.git("push", server.remote("alice/thing"), "main", cwd=work)
        yield server
