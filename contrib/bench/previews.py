"""Previews: how soon a push is at its address, what that takes over the app's own time, and what previews that sleep take."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from contrib.bench import processes
from contrib.bench.author import git
from contrib.bench.servers import GIT, PASSWORD, Gitperch, free_port
from contrib.bench.table import milliseconds, row

from gitperch_preview.runners.docker import tidying
from gitperch_preview.runners.docker.engine import Engine
from gitperch_preview.runners.docker.names import Names
from gitperch_preview.runners.process.cell import SYSTEM_PATH

if TYPE_CHECKING:
    from pathlib import Path

MB = 1 << 20
SITES, BRANCHES = 20, ("main", "feature")
BURST_SECONDS = 2.2  # pushes of one branch that come sooner after another are taken for a burst, and wait for its end
LONGEST = 120.0
# As little of the processor as the server gives to apps, so that only what it does itself makes a difference.
AS_APPS = '{ echo 10 >/proc/self/autogroup; } 2>/dev/null; exec nice -n 5 /bin/sh -c "$1"'
BUILD = "python3 -m compileall -q . && sleep 0.1"
START = "python3 app.py"
# A web server that takes a moment to start, as they do.
APP = """
import asyncio, http.server, json, os, sqlite3, ssl, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(TEXT)))
        self.end_headers()
        self.wfile.write(TEXT.encode())

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer.daemon_threads = True
server = http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
print("listens", flush=True)
server.serve_forever()
"""


@dataclass(frozen=True)
class Options:
    """`docker` is the address of an engine, "" for none; `image` the base image there, "" for the server's own choice."""

    rounds: int = 15
    docker: str = ""
    image: str = ""


def bench(folder: Path, options: Options) -> None:
    """Print the table."""
    folder.mkdir()
    settings = {"GITPERCH_PREVIEWS_DISK_FREE": "1m"}
    settings |= {"GITPERCH_PREVIEWS_DOCKER": options.docker} if options.docker else {}
    settings |= {"GITPERCH_PREVIEWS_IMAGE": options.image} if options.image else {}
    print("| previews | measured |\n|---|---|")
    with Gitperch(folder / "data", settings=settings) as server:
        assert isinstance(server, Gitperch)
        _static(Site(server, folder, "static"), options.rounds * 2)
        for runner in ("process", "docker") if options.docker else ("process",):
            _app_of(Site(server, folder, runner), runner, options.rounds)
    if options.docker:
        asyncio.run(_tidy(options.docker, server.data))
    _asleep(folder)


class Site:
    """A repository of `server`, a work tree to push from, and the address of its branch `main`."""

    def __init__(self, server: Gitperch, folder: Path, name: str) -> None:
        self.server, self.name = server, name
        self.work = folder / f"{name}-work"
        server.cli("repo", "add", f"{server.user}/{name}", "--public")
        git(folder, "init", "--quiet", "--initial-branch", "main", str(self.work))

    def commit(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.work / name).write_text(text)
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--message", "Another version")

    def push(self, branch: str = "main") -> None:
        git(self.work, "push", "--quiet", self.server.push_url(self.name), f"HEAD:refs/heads/{branch}")

    def round(self, files: dict[str, str], text: str, pause: float) -> tuple[float, float]:
        """Push `files`, and wait for `text` at the address: seconds from the begin and from the end of `git push`."""
        self.commit(files)
        seen: list[float] = []
        asking = threading.Thread(target=lambda: seen.append(self.shows(text, pause)))
        began = time.perf_counter()
        asking.start()
        self.push()
        ended = time.perf_counter()
        asking.join()
        return seen[0] - began, seen[0] - ended

    def shows(self, text: str, pause: float) -> float:
        """When the address showed `text`, for which somebody asks over one connection, with so many seconds between."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=LONGEST)
        headers = {"Host": f"main-{self.name}.localhost:{self.server.port}", "Accept": "text/plain"}
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            connection.request("GET", "/", headers=headers)
            if connection.getresponse().read() == text.encode():
                now = time.perf_counter()
                connection.close()
                return now
            time.sleep(pause)
        raise RuntimeError(f"{self.name} does not show {text!r}: {self.states()}")

    def api(self, path: str = "", method: str = "GET") -> Any:
        address = f"http://127.0.0.1:{self.server.port}/api/repos/{self.server.user}/{self.name}/previews{path}"
        signed = "Basic " + b64encode(f"{self.server.user}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            address, method=method, headers={"Authorization": signed}, data=b"" if method == "POST" else None
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def states(self) -> dict[str, str]:
        return {each["branch"]: each["state"] for each in self.api()["previews"]}

    def sleep(self, branch: str = "main") -> None:
        """Put it to sleep, and return when it does."""
        self.api(f"/{branch}/sleep", "POST")
        self.until("sleeping", branch)

    def until(self, state: str, branch: str = "main") -> None:
        until = time.monotonic() + LONGEST
        while self.states().get(branch) != state:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.name} {branch} is not {state}: {self.api()}")
            time.sleep(0.01)


def _app(text: str, runner: str = "process") -> dict[str, str]:
    settings = f"[preview]\nbuild = {json.dumps(BUILD)}\ncommand = {json.dumps(START)}\nrunner = {json.dumps(runner)}\n"
    return {"app.py": f"TEXT = {text!r}\n{APP}", "gitperch.toml": settings}


def _by_hand(site: Site, text: str) -> tuple[float, float]:
    """The same commit built and started in a folder of its own: seconds of the build, and from the start to the first answer."""
    folder = site.work.with_name("by-hand")
    shutil.rmtree(folder, ignore_errors=True)
    git(site.work, "clone", "--quiet", str(site.work), str(folder))
    began = time.perf_counter()
    subprocess.run(
        ["/bin/sh", "-c", AS_APPS, "sh", BUILD], cwd=folder, env=_environment(), check=True, start_new_session=True
    )
    built = time.perf_counter() - began
    return built, _started(folder, text)


def _environment() -> dict[str, str]:
    """The programs that apps have: not those that somebody has put in front of them."""
    return GIT | {"PATH": ":".join(SYSTEM_PATH)} if os.geteuid() == 0 else GIT


def _started(folder: Path, text: str) -> float:
    """Seconds until the app in `folder` answers; then it is ended."""
    port = free_port()
    began = time.perf_counter()
    environment = _environment() | {"PORT": str(port), "HOST": "127.0.0.1"}
    app = subprocess.Popen(
        ["/bin/sh", "-c", AS_APPS, "sh", f"exec {START}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert app.stdout
        app.stdout.readline()  # rather than to ask again and again, which would cost it time
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
        connection.request("GET", "/")
        if connection.getresponse().read() != text.encode():
            raise RuntimeError("the app does not answer")
        took = time.perf_counter() - began
        connection.close()
        return took
    finally:
        os.killpg(app.pid, signal.SIGKILL)
        app.communicate()


def _static(site: Site, rounds: int) -> None:
    whole, after = [], []
    for number in range(rounds + 1):
        text = f"<!doctype html><title>{number}</title>"
        began, ended = site.round({"index.html": text}, text, 0.001)
        if number:
            whole.append(began * 1000)
            after.append(ended * 1000)
    row("files: from the end of `git push` to the new bytes", milliseconds(after))
    row("… from its begin", milliseconds(whole))


def _app_of(site: Site, runner: str, rounds: int) -> None:
    """Versions that are pushed, and built and started by hand, in turn; then the same with the last one's sleep and wake.

    The first round is for warming up.
    """
    whole, after, own = [], [], []
    for number in range(rounds + 1):
        text = f"version {number}"
        began, ended = site.round(_app(text, runner), text, 0.005)
        built, started = _by_hand(site, text)
        time.sleep(BURST_SECONDS)
        if number:
            whole.append(began * 1000)
            after.append(ended * 1000)
            own.append((built + started) * 1000)
    what = "container" if runner == "docker" else runner
    _over(f"{what}: from the begin of `git push` to the first answer of the new version", whole, own)
    _over("… from its end", after, own)
    woken, own = [], []
    for _ in range(rounds):
        site.sleep()
        began = time.perf_counter()
        woken.append((site.shows(text, 0.005) - began) * 1000)
        site.until("ready")
        own.append(_started(site.work.with_name("by-hand"), text) * 1000)
    _over("… from a visit of one that sleeps to its answer", woken, own)


def _over(what: str, times: list[float], own: list[float]) -> None:
    """A row with what is on top of the app's `own` time."""
    over = statistics.median(one - base for one, base in zip(times, own, strict=True))
    said = f"{statistics.median(times):.0f} ms, the app's own {statistics.median(own):.0f} ms"
    row(what, f"**{over:.0f} ms** over its own: {said} (of {len(times)})")


def _asleep(folder: Path) -> None:
    """What previews take that nobody visits, beside a server that has none; both freshly started."""
    with Gitperch(folder / "idle" / "data") as idle, Gitperch(folder / "asleep" / "data") as server:
        assert isinstance(idle, Gitperch)
        assert isinstance(server, Gitperch)
        sites = [Site(server, folder / "asleep", f"site{number}") for number in range(SITES)]
        for site in sites:
            for branch in BRANCHES:
                site.commit(_app(f"{site.name} {branch}"))
                site.push(branch)
        for site in sites:
            for branch in BRANCHES:
                site.until("ready", branch) if site.states()[branch] != "sleeping" else None
                site.sleep(branch)
        after_work = server.memory()
        taken = []
        for _ in range(3):
            for each in (idle, server):
                each.stop()
                each.start()
            time.sleep(5)  # for what is done after a start
            taken.append((idle.memory(), server.memory()))
        if any(state != "sleeping" for site in sites for state in site.states().values()):
            raise RuntimeError("a preview did not sleep on")
        alone = len(processes.tree(server.pids())) == 1
    count = SITES * len(BRANCHES)
    before, now = (statistics.median(pair[side] for pair in taken) for side in (0, 1))
    row(
        f"memory of a server with {SITES} sites, {count} previews asleep",
        f"{now:.1f} MB, **{now - before:+.1f} MB** over idle",
    )
    row("… of the one that has built all of them and put them to sleep", f"{after_work:.1f} MB")
    row("… processes beside the server", "none" if alone else "some")


async def _tidy(docker: str, data: Path) -> None:
    """Containers outlive their server; these are not to."""
    engine, names = Engine(docker), Names(data / "plugins" / "preview" / "docker")
    for thing in await tidying.things(engine, names):
        await tidying.remove(engine, thing)
