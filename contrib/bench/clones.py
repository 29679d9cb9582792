"""Whole clones: of a large repository, one and ten at once, cold and warm; and of a small one, as many as a core can do."""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.raw_client import Connection, Load, Request, clone, crowd
from contrib.bench.recorder import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from contrib.bench.author import Author
    from contrib.bench.servers import Gitperch, Host
    from contrib.bench.table import SideBySide

TOGETHER = 10
MB = 1e6


def asks(url: str, work: Path) -> list[Request]:
    """What `git clone` asks of the repository at `url`."""
    return record(url, lambda address: ["git", "clone", "--bare", address, str(work / "never-cloned.git")])


def first(hosts: Sequence[Host], name: str, work: Path, table: SideBySide, author: Author, rounds: int) -> None:
    """Clones that find nothing warm: right after a push, and right after a start."""
    pushed: list[list[float]] = [[] for _ in hosts]
    started: list[list[float]] = [[] for _ in hosts]
    for _ in range(rounds):
        author.commit()
        author.push(hosts[-1].push_url(name))
        requests = asks(hosts[-1].url(name), work)
        for times, host in zip(pushed, hosts, strict=True):
            if host is not hosts[-1]:
                author.push(host.push_url(name))
            times.append(_seconds(host, name, requests))
    for _ in range(rounds):
        for times, host in zip(started, hosts, strict=True):
            host.stop()
            host.start()
            times.append(_seconds(host, name, requests))
    for what, each in (("a push", pushed), ("a start", started)):
        medians = [statistics.median(times) for times in each]
        table.amounts(f"first clone right after {what}, median of {rounds}", medians, "s")


def after_import(hosts: Sequence[Host], name: str, source: Path, work: Path, table: SideBySide) -> None:
    """Add `source` to every server, and clone it at once."""
    times: list[float] = []
    requests: list[Request] = []
    for host in reversed(hosts):
        host.add(name, source)
        requests = requests or asks(host.url(name), work)
        times.insert(0, _seconds(host, name, requests))
    table.amounts("first clone right after the import of a well packed repository", times, "s")


def _seconds(host: Host, name: str, requests: Sequence[Request]) -> float:
    began = time.perf_counter()
    clone(host.url(name), requests)
    return time.perf_counter() - began


def large(hosts: Sequence[Host], name: str, work: Path, table: SideBySide, rounds: int) -> None:
    """One clone, and ten at once: throughput, the server's CPU time, its memory."""
    requests = [asks(host.url(name), work) for host in hosts]
    for clients in (1, TOGETHER):
        what = "clone" if clients == 1 else f"{clients} clones at once"
        speeds: list[list[float]] = [[] for _ in hosts]
        cpus: list[list[float]] = [[] for _ in hosts]
        sizes: list[float] = []
        for number in range(rounds + 1):
            for at, host in enumerate(hosts):
                before = host.cpu_seconds()
                got = crowd(host.url(name), requests[at], clients)
                time.sleep(0.2)  # for children to end
                after = host.cpu_seconds()
                if number:  # the first fills the caches of the system
                    speeds[at].append(got.bytes / got.seconds / MB)
                    if before is not None and after is not None:
                        cpus[at].append(after - before)
                    sizes.append(got.bytes / clients / MB)
        size = statistics.median(sizes)
        table.amounts(
            f"{what} of {size:.0f} MB, throughput",
            [statistics.median(each) for each in speeds],
            "MB/s",
            more_is_better=True,
        )
        cpu = [statistics.median(each) if each else None for each in cpus]
        table.amounts(f"{what}, CPU time of the server and its children", cpu, "s")
    table.amounts(f"{TOGETHER} clones at once, private memory of server and children, peak", [
        _peak(host, name, requests[at]) for at, host in enumerate(hosts)
    ], "MB")  # fmt: skip


def _peak(host: Host, name: str, requests: Sequence[Request]) -> float:
    """A run of its own, since looking takes time."""
    with processes.PeakMemory(host.pids()) as peak:
        crowd(host.url(name), requests, TOGETHER)
    return peak.bytes / MB


def small(hosts: Sequence[Host], name: str, work: Path, table: SideBySide, rounds: int) -> None:
    """Clones per second of a server that has one core, by clients that have another."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        table.amounts("clones per second on one core (needs a second one for the clients)", [None] * len(hosts), "")
        return
    requests = [asks(host.url(name), work) for host in hosts]
    rates: list[list[float]] = [[] for _ in hosts]
    size = 0.0
    for host in hosts:
        processes.pin(host.pids(), {cores[0]})
    for number in range(rounds + 1):
        for at, host in enumerate(hosts):
            got = crowd(host.url(name), requests[at], 4, for_seconds=2.0, core=cores[1])
            size = got.bytes / got.clones / MB
            if number:
                rates[at].append(got.clones / got.seconds)
    for host in hosts:
        processes.pin(host.pids(), set(cores))
    table.amounts(
        f"clones of {size:.1f} MB on one core",
        [statistics.median(each) for each in rates],
        "a second",
        more_is_better=True,
    )


def meanwhile(
    hosts: Sequence[Host], ours: Gitperch, name: str, work: Path, table: SideBySide, author: Author, rounds: int
) -> None:
    """How long others wait for a page, and for a push of one commit to the same repository, while ten clones run."""
    pages: list[float] = []
    pushes: list[list[float]] = [[] for _ in hosts]
    for times, host in zip(pushes, hosts, strict=True):
        requests = asks(host.url(name), work)
        with Load(host.url(name), requests, TOGETHER):
            for _ in range(rounds):
                author.commit()
                times.append(author.push(host.push_url(name)))
                if host is ours:
                    pages += [page(ours, name) for _ in range(4)]
        time.sleep(1)
    table.latencies(f"a page of the repository while {TOGETHER} clones run", [pages, *([[]] * (len(hosts) - 1))])
    table.latencies(f"push of one commit while {TOGETHER} clones run", pushes)


def page(host: Gitperch, name: str) -> float:
    began = time.perf_counter()
    with Connection(f"http://127.0.0.1:{host.port}") as connection:
        connection.ask(Request("GET", f"/{host.user}/{name}"))
    return (time.perf_counter() - began) * 1000
