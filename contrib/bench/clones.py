"""Whole clones: of a large repository, one and ten at once, cold and warm; and of a small one, as many as a core can do."""

from __future__ import annotations

import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from statistics import median as _middle
from typing import TYPE_CHECKING

from contrib.bench import processes
from contrib.bench.author import git
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
        table.amounts(f"first clone right after {what}, median of {rounds}", [_middle(times) for times in each], "s")


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


@dataclass
class _Runs:
    """Of one server, a figure for each run: clones a second, MB a clone, and seconds of CPU time, the server's and the clients'."""

    rate: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    client_cpu: list[float] = field(default_factory=list)

    def run(self, host: Host, name: str, requests: Sequence[Request], clients: int) -> None:
        before = host.cpu_seconds()
        got = crowd(host.url(name), requests, clients)
        time.sleep(0.2)  # for children to end
        after = host.cpu_seconds()
        self.rate.append(got.clones / got.seconds)
        self.size.append(got.bytes / got.clones / MB)
        self.client_cpu.append(got.client_cpu)
        if before is not None and after is not None:
            self.cpu.append(after - before)


def large(hosts: Sequence[Host], name: str, work: Path, table: SideBySide, rounds: int) -> None:
    """One clone, and ten at once: throughput, the server's CPU time, its memory. Raises RuntimeError where ours is not whole."""
    requests = [asks(host.url(name), work) for host in hosts]
    for clients in (1, TOGETHER):
        all_runs = [_Runs() for _ in hosts]
        for number in range(rounds + 1):
            for at, host in enumerate(hosts):
                # The first fills the caches of the system, and does not count.
                (all_runs[at] if number else _Runs()).run(host, name, requests[at], clients)
        size = _middle(all_runs[-1].size)  # of the same for all, so that nobody is the faster for a larger pack
        what = f"{'one clone' if clients == 1 else f'{clients} clones at once'} of {size:.0f} MB"
        speeds = [_middle(each.rate) * size for each in all_runs]
        table.amounts(f"{what}, throughput", speeds, "MB/s", more_is_better=True)
        cpu = [_middle(each.cpu) if each.cpu else None for each in all_runs]
        table.amounts("the same, CPU time of the server and its children", cpu, "s")
        table.amounts(
            "the same, CPU time of the clients", [_middle(each.client_cpu) for each in all_runs], "s", judge=False
        )
    peaks = [_peak(host, name, requests[at]) for at, host in enumerate(hosts)]
    table.amounts(f"{TOGETHER} clones at once, private memory of server and children, peak", peaks, "MB")
    _compare(hosts[0], hosts[-1], name, work)


def _compare(ours: Host, theirs: Host, name: str, work: Path) -> None:
    """A clone by git itself, which looks at all that it gets: it has the refs that the other server has."""
    whole = work / "whole.git"
    git(work, "clone", "--quiet", "--mirror", ours.url(name), str(whole))
    has = {tuple(line.split()) for line in git(whole, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()}
    there = {tuple(line.split()) for line in git(work, "ls-remote", "--refs", theirs.url(name)).splitlines()}
    shutil.rmtree(whole)
    if has != there:
        raise RuntimeError(f"a clone from {ours.title} differs from {theirs.title}: {list(has ^ there)[:10]}")


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
    busy: list[list[float]] = [[] for _ in hosts]
    size = 0.0
    for host in hosts:
        processes.pin(host.pids(), {cores[0]})
    for number in range(rounds + 1):
        for at, host in enumerate(hosts):
            got = crowd(host.url(name), requests[at], 4, for_seconds=2.0, core=cores[1])
            size = got.bytes / got.clones / MB
            if number:
                rates[at].append(got.clones / got.seconds)
                busy[at].append(got.client_cpu / got.seconds * 100)
    for host in hosts:
        processes.pin(host.pids(), set(cores))
    table.amounts(
        f"clones of {size:.1f} MB on one core", [_middle(each) for each in rates], "a second", more_is_better=True
    )
    table.amounts("the same, how busy the clients' core was", [_middle(each) for each in busy], "%", judge=False)


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
                began = time.perf_counter()
                try:
                    author.push(host.push_url(name))
                except RuntimeError as error:
                    print(f"{host.title} refused a push while {TOGETHER} clones ran: {error}", file=sys.stderr)
                times.append((time.perf_counter() - began) * 1000)
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
