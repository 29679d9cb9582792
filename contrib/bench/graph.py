"""The commit graph of a large history: how long its index takes and what it weighs, and windows of it over HTTP, beside git's own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.live import push_to_browser
from contrib.bench.pages import getter, wait_for_graph
from contrib.bench.servers import GIT, Gitperch
from contrib.bench.table import milliseconds, row, seconds
from contrib.bench.views import views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from contrib.bench.inputs import Inputs

NAME = "large"
WINDOW = 500


def bench(folder: Path, inputs: Inputs, *, rounds: int) -> None:
    """Print the table."""
    folder.mkdir()
    server = Gitperch(folder / "data")
    server.add(NAME, inputs.large)
    server.start()
    try:
        time.sleep(3)
        before = _private(server)
        wait_for_graph(server, NAME)
        print("| what | measured |\n|---|---|")
        repository, index = _files(server)
        total = _build(repository, folder / "built.rows", max(3, rounds // 5))
        size = index.stat().st_size
        row("the same, its file", f"{size / 1e6:.1f} MB, {size / total:.1f} bytes a commit")
        _windows(server, total, rounds, before)
        views(server, NAME, repository, max(3, rounds // 5))
        after, whole = asyncio.run(push_to_browser(folder / "work", server, NAME, rounds, commits=10))
        row("push of 10 commits → message in the browser, after `git push` has ended", milliseconds(after))
        row("the same, from the start of `git push`", milliseconds(whole))
    finally:
        server.stop()
    _cold(server, [repository, index.parent], min(5, rounds))
    _beside_git(repository, min(5, rounds))


def _build(repository: Path, index: Path, rounds: int) -> int:
    """Build the index by the process that the server starts; how many commits there are."""
    times, cpu, peak, total = [], [], 0.0, 0
    command = [sys.executable, "-m", "gitperch_graph.build", str(repository), str(index)]
    for _ in range(rounds):
        index.unlink(missing_ok=True)
        began = time.perf_counter()
        process = subprocess.Popen(command, env=GIT, text=True, stdout=subprocess.PIPE)
        assert process.stdout
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = status
        times.append(time.perf_counter() - began)
        cpu.append(used.ru_utime + used.ru_stime)
        peak = max(peak, used.ru_maxrss / 1024)
        total = int(said.split()[-1])
    row(f"index of {total:,} commits from nothing, by a process of its own", seconds(times))
    row("the same, CPU time", seconds(cpu))
    row("the same, resident memory", f"{peak:.0f} MB")
    return total


def _windows(server: Gitperch, total: int, rounds: int, before: float) -> None:
    get = getter(server)
    path = f"/api/repos/bench/{NAME}/graph"
    times = [get(f"{path}?at=0&rows=100")[0] for _ in range(rounds * 4)]
    row("first window, 100 rows, kept by the server", milliseconds(times))
    times = [get(f"{path}?at={at}&rows=100")[0] for at in range(1, rounds * 4)]
    row("one of the first windows, 100 rows, asked for the first time", milliseconds(times))
    dice = random.Random(1)  # noqa: S311 -- the same places in every run
    places = [dice.randrange(max(1, total - WINDOW)) for _ in range(rounds * 10)]
    times = [get(f"{path}?at={at}&rows={WINDOW}")[0] for at in places]
    row(f"random window, {WINDOW} rows", milliseconds(times))
    row(
        "private memory of the server more than before the graph was opened, at once",
        f"{_private(server) - before:.1f} MB",
    )
    time.sleep(15)
    row("the same, at rest", f"{_private(server) - before:.1f} MB")


def _cold(server: Gitperch, folders: list[Path], rounds: int) -> None:
    """The first request for the repository after a start, with none of its files in the system's cache."""
    times, again = [], []
    for _ in range(rounds):
        server.start()
        try:
            get = getter(server)
            # A password is slow to check on purpose, and checked only where it matters.
            with contextlib.suppress(RuntimeError):
                get("/api/repos/bench/nothing/graph")
            for folder in folders:
                _forget(folder)
            path = f"/api/repos/bench/{NAME}/graph"
            times.append(get(f"{path}?at=0&rows=100")[0])
            again.append(get(f"{path}?at=1&rows=100")[0])
        finally:
            server.stop()
    row("first window after a start, 100 rows, files not in the system's cache", milliseconds(times))
    row("the one after it", milliseconds(again))


def _beside_git(repository: Path, rounds: int) -> None:
    times = []
    command = ["git", "log", "--graph", "--all", f"-{WINDOW}"]
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, cwd=repository, env=GIT, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - began) * 1000)
    row(f"`git log --graph --all -{WINDOW}`, with the same commit-graph file", milliseconds(times))


def _files(server: Gitperch) -> tuple[Path, Path]:
    """The only repository, and its index."""
    repository = next((server.data / "repositories").glob("*.git"))
    return repository, server.data / "plugins" / "graph" / f"{repository.stem}.rows"


def _private(server: Gitperch) -> float:
    return processes.private_memory(server.pids()) / (1 << 20)


def _forget(folder: Path) -> None:
    for file in _below(folder):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def _below(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())
