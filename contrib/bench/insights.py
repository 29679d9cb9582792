"""Insights of a large history: how long the first reading takes and what it weighs, answers of any range, and what a push costs then."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import json
import os
import random
import subprocess
import time
from typing import TYPE_CHECKING, Any

from contrib.bench import processes
from contrib.bench.servers import GIT, Gitperch
from contrib.bench.table import milliseconds, row, seconds

if TYPE_CHECKING:
    from pathlib import Path

    from contrib.bench.inputs import Inputs

PATH = "/api/repos/bench/large/graph/analytics"
READING_SECONDS = 3600


def bench(folder: Path, inputs: Inputs, *, rounds: int) -> None:
    """Print the table."""
    folder.mkdir()
    server = Gitperch(folder / "data")
    server.cli("repo", "add", "bench/large", "--public", "--from", str(inputs.large))
    server.start()
    try:
        time.sleep(10)  # the import's own upkeep has the machine first
        print("| what | measured |\n|---|---|")
        found = _first_reading(server)
        _answers(server, found, rounds)
        _pushes(server, folder / "work", max(3, rounds // 3))
    finally:
        server.stop()


def _first_reading(server: Gitperch) -> dict[str, Any]:
    """Ask until there are figures, and look meanwhile at what becomes of the server and of its helpers; the figures."""
    assert server.process
    before = processes.private_memory([server.process.pid])
    own_before, helpers_before = _cpu_seconds(server.process.pid)
    began, peak, others = time.perf_counter(), 0, []
    found: dict[str, Any] | None = None
    while not found:
        if time.perf_counter() > began + READING_SECONDS:
            raise RuntimeError("the history was not read in an hour")
        _, status, answer = _ask(server, PATH)
        found = answer if status == 200 else None
        for _ in range(4):
            others.append(_ask(server, "/healthz")[0])
            time.sleep(0.25)
        peak = max(peak, processes.private_memory(processes.tree(_readers(server.process.pid))))
    row(
        f"first reading of {found['commits']:,} commits, {found['files']:,} files",
        f"{time.perf_counter() - began:.1f} s",
    )
    own, helped = _cpu_seconds(server.process.pid)
    row("the same, CPU time of its processes, niced", f"{helped - helpers_before:.1f} s")
    row("the same, CPU time of the server, which is asked five times a second", f"{own - own_before:.1f} s")
    row("the same, private memory of its processes, peak", f"{peak / 1e6:.0f} MB")
    row("the same, an answer of the server to somebody else meanwhile", milliseconds(others))
    row(
        "the same, what the server has grown by",
        f"{(processes.private_memory([server.process.pid]) - before) / 1e6:.1f} MB",
    )
    size = sum(file.stat().st_size for file in (server.data / "plugins" / "insights").iterdir())
    row("the same, its file", f"{size / 1e6:.1f} MB, {size / found['commits']:.0f} bytes a commit")
    return found


def _readers(pid: int) -> list[int]:
    """The processes that read histories for insights, as against those of upkeep."""
    found = []
    for child in processes.tree([pid])[1:]:
        with contextlib.suppress(OSError):  # it has ended
            if b"gitperch_insights" in (processes.PROC / str(child) / "cmdline").read_bytes():
                found.append(child)
    return found


def _cpu_seconds(pid: int) -> tuple[float, float]:
    """Of a process, and of those it started and that have ended (proc(5))."""
    fields = (processes.PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
    return ticks[0] + ticks[1], ticks[2] + ticks[3]


def _answers(server: Gitperch, found: dict[str, Any], rounds: int) -> None:
    first, last = (datetime.date.fromisoformat(found[name]).toordinal() for name in ("first", "last"))
    dice = random.Random(1)  # noqa: S311 -- the same ranges in every run
    times = []
    for _ in range(rounds * 4):
        after, before = sorted(dice.randrange(first, last + 1) for _ in range(2))
        days = (datetime.date.fromordinal(day).isoformat() for day in (after, before))
        times.append(_ask(server, f"{PATH}?after={next(days)}&before={next(days)}")[0])
    row("figures of a range that nobody asked for before", milliseconds(times))
    row("figures of all time, known", milliseconds([_ask(server, PATH)[0] for _ in range(rounds * 4)]))


def _pushes(server: Gitperch, work: Path, rounds: int) -> None:
    """A commit is pushed, and a hundred are taken away and come again; seconds from the end of the push to the new figures."""
    repository = next((server.data / "repositories").glob("*.git"))
    subprocess.run(
        ["git", "clone", "--quiet", "--shared", "--no-checkout", str(repository), str(work)], env=GIT, check=True
    )
    head = _git(work, "symbolic-ref", "--short", "HEAD")
    tip, times, rewinds = _git(work, "rev-parse", "HEAD"), [], []
    for number in range(rounds):
        tip = _git(work, "commit-tree", "-p", tip, "-m", f"One more, {number}", f"{tip}^{{tree}}")
        times.append(_counted(server, work, tip, head))
    for _ in range(rounds):
        rewinds += [_counted(server, work, f"{tip}~100", head), _counted(server, work, tip, head)]
    row("one commit pushed → counted, after `git push` has ended", seconds(times))
    row("100 first parents taken away by force, or back again → counted", seconds(rewinds))


def _counted(server: Gitperch, work: Path, commit: str, branch: str) -> float:
    _git(work, "push", "--quiet", "--force", server.push_url("large"), f"{commit}:refs/heads/{branch}")
    began, tip = time.perf_counter(), _git(work, "rev-parse", commit)
    while True:
        _, status, answer = _ask(server, PATH)
        if status == 200 and answer["current"] and answer["tip"] == tip:
            return time.perf_counter() - began
        time.sleep(0.01)


def _git(path: Path, *arguments: str) -> str:
    command = ["git", "-C", str(path), *arguments]
    return subprocess.run(command, env=GIT, check=True, text=True, capture_output=True).stdout.strip()


def _ask(server: Gitperch, path: str) -> tuple[float, int, Any]:
    """(ms, status, JSON)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    response = connection.getresponse()
    body = response.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    return took, response.status, json.loads(body) if body.startswith(b"{") else None
