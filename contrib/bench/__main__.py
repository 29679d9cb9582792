"""make bench: prints the tables of docs/performance.md.

    python -m contrib.bench [--repo PATH] [--pushes 50] [--rounds 15]

Everything is measured in one run, ours and git's own CGI in turn. Figures are medians unless they say otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import platform
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from base64 import b64encode
from pathlib import Path

from contrib.bench import histories
from contrib.bench.live import push_to_browser
from contrib.bench.servers import GIT, PASSWORD, Gitperch, nginx

GENERATED_COMMITS = 100_000
SMALL_COMMITS = 400


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--repo", type=Path, help=f"a history of your own instead of a generated one of {GENERATED_COMMITS} commits"
    )
    parser.add_argument("--pushes", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gitperch-bench-"))
    try:
        _bench(folder, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bench(folder: Path, options: argparse.Namespace) -> None:
    git = subprocess.run(["git", "version"], text=True, check=True, stdout=subprocess.PIPE).stdout.strip()
    print(
        f"Python {platform.python_version()}, {git}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}\n"
    )
    small = folder / "small.git"
    histories.generate(small, commits=SMALL_COMMITS)
    large = options.repo
    if large is None:
        large = folder / "large.git"
        histories.generate(large, commits=GENERATED_COMMITS)
    server = Gitperch(folder / "data")
    server.cli("repo", "add", "bench/small", "--public", "--from", str(small))
    server.cli("repo", "add", "bench/large", "--public", "--from", str(large))
    server.start()
    _wait_for_graph(server, "large")
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
        _windows(server, options.rounds)
        asyncio.run(_pushes(folder, server, options.pushes))
        _side_by_side(folder, server, small, options.rounds)
        _pages(server)
        time.sleep(3)
        row("RSS at rest after all of the above", f"{server.memory():.1f} MB")
    finally:
        server.stop()


def _windows(server: Gitperch, rounds: int) -> None:
    """The graph's windows over one connection, as a page asks for them."""
    get = _getter(server)
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
        after, whole = await push_to_browser(folder / f"work-{name}", server, name, pushes)
        row(
            f"push of one commit → message in the browser, {name} repository, after `git push` has ended",
            milliseconds(after),
        )
        row(f"the same, from the start of `git push`, {name} repository", milliseconds(whole))


def _side_by_side(folder: Path, server: Gitperch, small: Path, rounds: int) -> None:
    root = folder / "root"
    root.mkdir()
    subprocess.run(["git", "clone", "--quiet", "--mirror", str(small), str(root / "small.git")], env=GIT, check=True)
    with nginx(folder / "nginx", root) as url:
        if not url:
            row("clone and no-op fetch beside git http-backend", "nginx or fcgiwrap is not installed")
            return
        ours, theirs = f"{server.url}/bench/small.git", f"{url}/small.git"
        for protocol in ("2", "0"):
            print(f"| | **Gitperch** · **nginx + git http-backend** · **ratio** (protocol v{protocol}) |")
            compare("no-op `git fetch`, whole command", *_fetches(folder, ours, theirs, rounds, protocol))
            compare("clone of 400 commits, whole command", *_clones(folder, ours, theirs, rounds, protocol))
        compare("no-op fetch, the two requests alone, one connection", *_requests(ours, theirs, rounds * 4))


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


def _requests(ours: str, theirs: str, rounds: int) -> tuple[list[float], list[float]]:
    """The advertisement and ls-refs of protocol v2, as git's client asks for them."""
    listing = b"0014command=ls-refs\n0016object-format=sha100010009peel\n000csymrefs\n001bref-prefix refs/heads/\n0000"
    times: tuple[list[float], list[float]] = ([], [])
    connections = []
    for url in (ours, theirs):
        host = url.split("/")[2].replace("localhost", "127.0.0.1")
        connections.append((http.client.HTTPConnection(host, timeout=30), "/" + url.split("/", 3)[3]))
    for number in range(rounds + 1):
        for kept, (connection, path) in zip(times, connections, strict=True):
            began = time.perf_counter()
            connection.request(
                "GET", f"{path}/info/refs?service=git-upload-pack", headers={"Git-Protocol": "version=2"}
            )
            connection.getresponse().read()
            headers = {"Git-Protocol": "version=2", "Content-Type": "application/x-git-upload-pack-request"}
            connection.request("POST", f"{path}/git-upload-pack", body=listing, headers=headers)
            response = connection.getresponse()
            body = response.read()
            if response.status != 200 or b"refs/heads/" not in body:
                raise RuntimeError(f"{path} answered {response.status} {body[:100]!r}")
            if number:
                kept.append((time.perf_counter() - began) * 1000)
    return times


def _pages(server: Gitperch) -> None:
    get = _getter(server)
    for name, path in (
        ("list of repositories", "/"),
        ("graph page", "/bench/small"),
        ("branches page", "/bench/small/branches"),
    ):
        get(path)
        row(f"page: {name}", milliseconds([get(path)[0] for _ in range(20)]))


def _getter(server: Gitperch):  # type: ignore[no-untyped-def]
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


def _wait_for_graph(server: Gitperch, name: str) -> None:
    get = _getter(server)
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            if get(f"/api/repos/bench/{name}/graph?at=0&rows=1")[1]:
                return
        except RuntimeError:  # it is still being built
            pass
        time.sleep(0.2)
    raise RuntimeError("the graph was not built in two minutes")


def row(what: str, measured: str) -> None:
    print(f"| {what} | {measured} |", flush=True)


def compare(what: str, ours: list[float], theirs: list[float]) -> None:
    a, b = statistics.median(ours), statistics.median(theirs)
    row(what, f"{a:.1f} ms · {b:.1f} ms · {b / a:.2f} × as fast")


def seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s (of {len(times)}: {min(times):.2f} to {max(times):.2f})"


def milliseconds(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):.1f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.1f} ms, of {len(ordered)}"


if __name__ == "__main__":
    main()
