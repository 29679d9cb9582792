"""From a push to what it shows: files, an app as a process, an app in a container; and the way back of one that sleeps."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contrib.bench.servers import GIT, PASSWORD, Gitperch, free_port
from contrib.bench.table import milliseconds, row

from gitperch_preview.runners.docker import tidying
from gitperch_preview.runners.docker.engine import Engine
from gitperch_preview.runners.docker.names import Names

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import http.server, os
text = open("text").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""
WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.002


@dataclass
class Site:
    """A repository of the server, with one branch that is pushed to."""

    server: Gitperch
    name: str
    work: Path
    files: dict[str, str]
    pushes: int = field(default=0)

    def __post_init__(self) -> None:
        self.server.cli("repo", "add", f"bench/{self.name}", "--public")
        _git("init", "--quiet", str(self.work), cwd=self.work.parent)
        for name, content in self.files.items():
            (self.work / name).write_text(content)

    def push(self) -> float:
        """Milliseconds from the end of a push until its text is at the address."""
        self.pushes += 1
        text = f"push {self.pushes}"
        for name in ("text", "index.html"):
            if name == "text" or name in self.files:
                (self.work / name).write_text(text)
        _git("add", "--all", cwd=self.work)
        _git("commit", "--quiet", "-m", text, cwd=self.work)
        _git("push", "--quiet", self.server.push_url(self.name), "HEAD:refs/heads/main", cwd=self.work)
        began = time.perf_counter()
        return self._until(text, began)

    def wake(self) -> float:
        """Milliseconds from a visit of the sleeping app until it answers."""
        self._api("POST", "/main/sleep")
        until = time.monotonic() + WAIT_SECONDS
        while self._previews()["main"]["state"] != "sleeping":
            assert time.monotonic() < until, "it does not sleep"
            time.sleep(0.05)
        return self._until(f"push {self.pushes}", time.perf_counter())

    def _until(self, text: str, began: float) -> float:
        host = f"main-{self.name}.localhost:{self.server.port}"
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        while True:
            connection.request("GET", "/", headers={"Host": host, "Accept": "text/plain"})
            if connection.getresponse().read() == text.encode():
                connection.close()
                return (time.perf_counter() - began) * 1000
            if time.perf_counter() > began + WAIT_SECONDS:
                raise RuntimeError(f"{text} of {self.name} is not there after {WAIT_SECONDS} s: {self._previews()}")
            time.sleep(LOOK_SECONDS)

    def _previews(self) -> dict[str, dict[str, str]]:
        return {each["branch"]: each for each in json.loads(self._api("GET", ""))["previews"]}

    def _api(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        who = base64.b64encode(f"{self.server.user}:{PASSWORD}".encode()).decode()
        connection.request(
            method, f"/api/repos/bench/{self.name}/previews{path}", headers={"Authorization": f"Basic {who}"}
        )
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status < 300, text
        return text


def bench(folder: Path, *, docker: str, image: str, rounds: int) -> None:
    """Print the table. `docker` is the address of an engine; "": containers are not measured."""
    folder.mkdir()
    settings = {"GITPERCH_PREVIEWS_DOCKER": docker} | ({"GITPERCH_PREVIEWS_IMAGE": image} if image else {})
    server = Gitperch(folder / "data", settings=settings if docker else {})
    own = _own_time(folder)
    print("| what | from the end of the push, or from the visit |\n|---|---|", flush=True)
    row("the app by itself: its start until it listens", milliseconds(own))
    with server:
        files = Site(server, "files", folder / "files", {"index.html": ""})
        row("files: new bytes at the address", milliseconds([files.push() for _ in range(rounds + 1)][1:]))
        for kind in ("process", "docker") if docker else ("process",):
            toml = f'[preview]\nrunner = "{kind}"\ncommand = "exec python3 app.py"\n'
            site = Site(server, kind, folder / kind, {"app.py": APP, "gitperch.toml": toml})
            over = statistics.median(own)
            times = [site.push() - over for _ in range(rounds + 1)][1:]
            row(f"{kind}: ready, over the app's own time", milliseconds(times))
            row(f"{kind}: awake, over the app's own time", milliseconds([site.wake() - over for _ in range(rounds)]))
    if docker:
        asyncio.run(_tidy(docker, server.data))


async def _tidy(docker: str, data: Path) -> None:
    """Containers outlive their server; these are not to."""
    engine, names = Engine(docker), Names(data / "plugins" / "preview" / "docker")
    for thing in await tidying.things(engine, names):
        await tidying.remove(engine, thing)


def _own_time(folder: Path) -> list[float]:
    (folder / "app.py").write_text(APP)
    (folder / "text").write_text("own")
    times = []
    for _ in range(7):
        port = free_port()
        began = time.perf_counter()
        environment = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port)}
        process = subprocess.Popen(["python3", "app.py"], cwd=folder, env=environment)
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"own"
                break
            except ConnectionRefusedError:
                time.sleep(LOOK_SECONDS)
            finally:
                connection.close()
        times.append((time.perf_counter() - began) * 1000)
        process.kill()
        process.wait()
    return times


def _git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, env=GIT, check=True, capture_output=True)
