"""Pushes by git itself: one commit, and a whole large history."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from contrib.bench.cgi_hosts import CgiHost
from contrib.bench.raw_client import Connection
from contrib.bench.recorder import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contrib.bench.author import Author
    from contrib.bench.servers import Host
    from contrib.bench.table import SideBySide


def one_commit(hosts: Sequence[Host], authors: Mapping[str, Author], table: SideBySide, rounds: int) -> None:
    """`git push` of one commit, another one in every round; then the same with nobody but us looking at what comes."""
    for name, author in authors.items():
        for checked in (True, False):
            _check(hosts, name, check=checked)
            times: list[list[float]] = [[] for _ in hosts]
            for number in range(rounds + 1):
                author.commit()
                turns = list(zip(times, hosts, strict=True))
                for kept, host in turns if number % 2 else reversed(turns):
                    took = author.push(host.push_url(name))
                    if number:
                        kept.append(took)
            what = f"`git push` of one commit, {name} repository"
            table.latencies(what if checked else "the same, `receive.fsckObjects` with us alone", times)
        _check(hosts, name, check=True)
        _request(hosts, name, author, table, rounds)


def _request(hosts: Sequence[Host], name: str, author: Author, table: SideBySide, rounds: int) -> None:
    """What of a push is the server's: the request that brings the pack, as git wrote it, without git's own time."""
    times: list[list[float]] = [[] for _ in hosts]
    for number in range(rounds + 1):
        author.commit()
        *before, bringing = record(
            hosts[-1].push_url(name), lambda url: ["git", "-C", str(author.path), "push", url, author.branch]
        )
        turns = list(zip(times, hosts, strict=True))
        for kept, host in turns if number % 2 else reversed(turns):
            with Connection(host.url(name)) as connection:
                for request in before:
                    connection.ask(request)
                began = time.perf_counter()
                answer = connection.ask(bringing)
                took = (time.perf_counter() - began) * 1000
            if b"ok " + author.branch.encode() not in answer:
                raise RuntimeError(f"{host.title} refused a push: {answer[:1000]!r}")
            if number:
                kept.append(took)
    table.latencies(f"push of one commit, the request with the pack, {name} repository", times)


def whole(hosts: Sequence[Host], author: Author, table: SideBySide, rounds: int) -> None:
    """`git push` of a branch into an empty repository; then the same with nobody but us looking at what comes."""
    ours: list[float] = []
    for checked in (True, False):
        times: list[list[float]] = [[] for _ in hosts]
        for number in range(rounds):
            for kept, host in zip(times, hosts, strict=True):
                if not checked and not isinstance(host, CgiHost):
                    continue  # we always look
                name = f"pushed-{number}-{'checked' if checked else 'plain'}"
                host.prepare_push(name)
                _check([host], name, check=checked)
                kept.append(author.push(host.push_url(name)) / 1000)
                host.upkeep()
        ours = ours or times[0]
        what = f"`git push` of the large repository's default branch into an empty one, median of {rounds}"
        table.amounts(
            what if checked else "the same, `receive.fsckObjects` with us alone",
            [statistics.median(each or ours) for each in times],
            "s",
        )


def _check(hosts: Sequence[Host], name: str, *, check: bool) -> None:
    for host in hosts:
        if isinstance(host, CgiHost):
            host.check_pushes(name, check=check)
