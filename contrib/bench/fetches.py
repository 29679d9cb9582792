"""Fetches of somebody who is nearly up to date: nothing new, and one new commit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contrib.bench.author import git
from contrib.bench.raw_client import Connection, Request
from contrib.bench.recorder import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from contrib.bench.author import Author
    from contrib.bench.servers import Host
    from contrib.bench.table import SideBySide

REST = 0.005  # seconds between two servers' turns: a CGI's processes end after their answer


class Reader:
    """A bare clone that is brought up to date with what a server answers to git's own words."""

    def __init__(self, path: Path, source: Path) -> None:
        self.path = path
        git(path.parent, "clone", "--quiet", "--bare", str(source), str(path))

    def asks(self, url: str) -> list[Request]:
        """What `git fetch` asks for now; the last asks for a pack if anything is new."""
        return record(url, lambda address: ["git", "-C", str(self.path), "fetch", address, "refs/heads/*:refs/heads/*"])

    def take(self, pack: bytes, ref: str, oid: str) -> None:
        """Take in `pack` and let `ref` be `oid`. Raises RuntimeError unless every object is there, and whole."""
        git(self.path, "index-pack", "--fix-thin", "--strict", "--stdin", stdin=pack)
        git(self.path, "rev-list", "--objects", "--quiet", oid, f"^{ref}")
        git(self.path, "update-ref", ref, oid)

    def check(self) -> None:
        """Raises RuntimeError unless all that it has belongs together."""
        git(self.path, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")


def both(hosts: Sequence[Host], work: Path, authors: Mapping[str, Author], table: SideBySide, rounds: int) -> None:
    """Both kinds, of the repository of each of `authors`."""
    for name, author in authors.items():
        reader = Reader(work / f"reader-{name}.git", author.path)
        no_news(hosts, name, reader, table, rounds * 4)
        one_commit(hosts, name, author, reader, table, rounds)


def no_news(hosts: Sequence[Host], name: str, reader: Reader, table: SideBySide, rounds: int) -> None:
    """Both requests of a fetch that finds nothing new."""
    requests = reader.asks(hosts[-1].url(name))
    if len(requests) != 2:
        raise RuntimeError(f"a fetch without news made {len(requests)} requests; two were expected")
    times: list[list[float]] = [[] for _ in hosts]
    connections = [Connection(host.url(name)) for host in hosts]
    for number in range(rounds + 3):
        for kept, connection in zip(times, connections, strict=True):
            time.sleep(REST)
            began = time.perf_counter()
            for request in requests:
                connection.ask(request)
            if number >= 3:  # the first few warm everybody up
                kept.append((time.perf_counter() - began) * 1000)
    table.latencies(f"no-op fetch, two requests on a kept connection, {name} repository", times)


@dataclass
class _Seen:
    """Of one server: ms of the request for the pack, ms of all three, and the pack's size in bytes."""

    pack_ms: list[float] = field(default_factory=list)
    all_ms: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)


def one_commit(
    hosts: Sequence[Host], name: str, author: Author, reader: Reader, table: SideBySide, rounds: int
) -> None:
    """A fetch of one commit, another one in every round; what we answer is taken in and checked each time."""
    seen = [_Seen() for _ in hosts]
    for number in range(rounds + 1):
        oid = author.commit()
        for host in hosts:
            author.push(host.push_url(name))
        requests = reader.asks(hosts[-1].url(name))
        packs = []
        turns = list(zip(seen, hosts, strict=True))
        for kept, host in turns if number % 2 else reversed(turns):
            time.sleep(REST)
            with Connection(host.url(name)) as connection:
                marks = [time.perf_counter()]
                for request in requests:
                    answer = connection.ask(request)
                    marks.append(time.perf_counter())
            pack = pack_of(answer)
            if host is hosts[0]:
                packs.append(pack)
            if number:
                kept.pack_ms.append((marks[-1] - marks[-2]) * 1000)
                kept.all_ms.append((marks[-1] - marks[0]) * 1000)
                kept.sizes.append(len(pack))
        reader.take(packs[0], author.branch, oid)
    reader.check()
    table.latencies(
        f"fetch of one commit, the request for the pack, {name} repository", [each.pack_ms for each in seen]
    )
    table.latencies("the same, all three requests", [each.all_ms for each in seen])
    sizes = [sorted(each.sizes)[len(each.sizes) // 2] for each in seen]
    table.amounts("the same, the pack's size", sizes, "bytes")


def pack_of(answer: bytes) -> bytes:
    """The pack inside the answer to a `fetch` of protocol v2 (gitprotocol-v2(5)). Raises RuntimeError where there is none."""
    at, packing, pieces = 0, False, []
    while at < len(answer):
        size = int(answer[at : at + 4], 16)
        line = answer[at + 4 : at + size]
        at += max(size, 4)
        if packing and line[:1] == b"\x01":
            pieces.append(line[1:])
        elif packing and line[:1] == b"\x03":
            raise RuntimeError(f"the server said: {line[1:].decode(errors='replace')}")
        packing = packing or line == b"packfile\n"
    if not pieces:
        raise RuntimeError(f"there is no pack in the answer {answer[:500]!r}")
    return b"".join(pieces)
