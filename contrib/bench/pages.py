"""The host itself: its start, its pages, the graph, the news in the browser, its memory; and git's commands as a person waits for them."""

from __future__ import annotations

import asyncio
import http.client
import random
import shutil
import subprocess
import time
from base64 import b64encode
from typing import TYPE_CHECKING

from contrib.bench.cgi_hosts import Nginx
from contrib.bench.live import push_to_browser, push_to_crowd
from contrib.bench.servers import GIT, PASSWORD, Gitperch
from contrib.bench.table import compare, milliseconds, row, seconds

if TYPE_CHECKING:
    from pathlib import Path

    from contrib.bench.inputs import Inputs

PAGES = 990  # open at once; the server lets in 1,000


def bench(folder: Path, inputs: Inputs, *, rounds: int, pushes: int) -> None:
    """Print the table."""
    folder.mkdir()
    server = Gitperch(folder / "data")
    server.cli("repo", "add", "bench/small", "--public", "--from", str(inputs.small))
    server.cli("repo", "add", "bench/large", "--public", "--from", str(inputs.large))
    server.start()
    wait_for_graph(server, "large")
    server.stop()
    print("| what | measured |\n|---|---|")
    starts = []
    for _ in range(5):
        starts.append(server.start())
        server.stop()
    row("start to first answer", seconds(starts))
    server.start()
    try:
        time.sleep(3)
        row("idle RSS with all plugins, before any request", f"{server.memory():.1f} MB")
        _windows(server, rounds)
        asyncio.run(_pushes(folder, server, pushes))
        _side_by_side(folder, server, inputs, rounds)
        _pages(server)
        time.sleep(3)
        row("RSS at rest after all of the above", f"{server.memory():.1f} MB")
    finally:
        server.stop()


def _windows(server: Gitperch, rounds: int) -> None:
    """The graph's windows over one connection, as a page asks for them."""
    get = getter(server)
    get("/api/repos/bench/small/graph?at=0&rows=1")  # a password is slow to check on purpose, and checked once
    path = "/api/repos/bench/large/graph"
    first, total = get(f"{path}?at=0&rows=100")
    row(f"first graph window after a start, {total:,} commits", f"{first:.1f} ms")
    row(
        "first graph window, warm, 100 rows", milliseconds([get(f"{path}?at=0&rows=100")[0] for _ in range(rounds * 4)])
    )
    dice = random.Random(1)  # noqa: S311 -- the same places in every run
    places = [dice.randrange(max(1, total - 200)) for _ in range(rounds * 10)]
    row("random graph window, 200 rows", milliseconds([get(f"{path}?at={at}&rows=200")[0] for at in places]))


async def _pushes(folder: Path, server: Gitperch, pushes: int) -> None:
    for name in ("small", "large"):
        for commits, words in ((1, "one commit"), (10, "10 commits")):
            after, whole = await push_to_browser(folder / f"work-{name}-{commits}", server, name, pushes, commits)
            what = f"push of {words} → message in the browser, {name} repository"
            row(f"{what}, after `git push` has ended", milliseconds(after))
            row("the same, from the start of `git push`", milliseconds(whole))
    median, last, each = await push_to_crowd(folder / "work-crowd", server, "small", min(10, pushes), PAGES)
    what = f"push of 10 commits → {PAGES} open pages, from the start of `git push`"
    row(f"{what}, the median page", milliseconds(median))
    row("the same, the last page", milliseconds(last))
    row("the same, private memory of the server for each open page", f"{each:.0f} KB")


def _side_by_side(folder: Path, server: Gitperch, inputs: Inputs, rounds: int) -> None:
    if missing := Nginx.missing():
        row("clone and no-op fetch beside git http-backend", f"{', '.join(missing)} is not installed")
        return
    with Nginx(folder / "nginx") as nginx:
        nginx.add("small", inputs.small)
        ours, theirs = f"{server.address}/bench/small.git", nginx.url("small")
        for protocol in ("2", "0"):
            print(f"| | **Gitperch** · **nginx + git http-backend** · **ratio** (protocol v{protocol}) |")
            compare("no-op `git fetch`, whole command", *_fetches(folder, ours, theirs, rounds, protocol))
            compare("clone of 400 commits, whole command", *_clones(folder, ours, theirs, rounds, protocol))


def _fetches(folder: Path, ours: str, theirs: str, rounds: int, protocol: str) -> tuple[list[float], list[float]]:
    clones = []
    for name, url in (("ours", ours), ("theirs", theirs)):
        clones.append(folder / f"fetch-{name}-{protocol}")
        subprocess.run(["git", "clone", "--quiet", "--bare", url, str(clones[-1])], env=GIT, check=True)
    return _in_turn([["git", "-c", f"protocol.version={protocol}", "-C", str(path), "fetch", "--quiet", url, "refs/heads/*:refs/heads/*"]
                     for path, url in zip(clones, (ours, theirs), strict=True)], rounds)  # fmt: skip


def _clones(folder: Path, ours: str, theirs: str, rounds: int, protocol: str) -> tuple[list[float], list[float]]:
    target = folder / "clone"
    commands = [
        ["git", "-c", f"protocol.version={protocol}", "clone", "--quiet", "--bare", url, str(target)]
        for url in (ours, theirs)
    ]
    return _in_turn(commands, rounds, target)


def _in_turn(commands: list[list[str]], rounds: int, remove: Path | None = None) -> tuple[list[float], list[float]]:
    """Each command's times in ms, run A B A B …; the first round is not counted."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for kept, command in zip(times, commands, strict=True):
            began = time.perf_counter()
            subprocess.run(command, env=GIT, check=True)
            if number:
                kept.append((time.perf_counter() - began) * 1000)
            if remove:
                shutil.rmtree(remove)
    return times


def _pages(server: Gitperch) -> None:
    get = getter(server)
    for name, path in (
        ("list of repositories", "/"),
        ("graph page", "/bench/small"),
        ("branches page", "/bench/small/branches"),
    ):
        get(path)
        row(f"page: {name}", milliseconds([get(path)[0] for _ in range(20)]))


def getter(server: Gitperch):  # type: ignore[no-untyped-def]
    """A function that fetches a path over one connection; (ms, the graph's `total` where there is one)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    signed = {"Authorization": "Basic " + b64encode(f"{server.user}:{PASSWORD}".encode()).decode()}

    def get(path: str) -> tuple[float, int]:
        began = time.perf_counter()
        connection.request("GET", path, headers=signed)
        response = connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {body[:200]!r}")
        return took, int(body.partition(b'"total":')[2].split(b",")[0] or 0)

    return get


def wait_for_graph(server: Gitperch, name: str) -> None:
    """Until there is an index. Raises RuntimeError after two minutes."""
    get = getter(server)
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if get(f"/api/repos/bench/{name}/graph?at=0&rows=1")[1]:
                return
        except RuntimeError:  # it is still being built
            pass
        time.sleep(0.2)
    raise RuntimeError("the graph was not built in two minutes")
