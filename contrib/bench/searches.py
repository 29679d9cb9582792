"""Search in a large history: until everything can be searched, until the first hits, until the end; beside git's own.

    python -m contrib.bench.searches PORT PATH SECONDS QUERY…

is what the bench starts for ten people who search at once.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from contrib.bench import processes
from contrib.bench.pages import getter, wait_for_graph
from contrib.bench.servers import GIT, Gitperch
from contrib.bench.table import milliseconds, row

if TYPE_CHECKING:
    from pathlib import Path

    from contrib.bench.inputs import Inputs

NAME = "searched"
NOWHERE = "qzjx-nowhere"
PEOPLE = 10
SECONDS = 5


@dataclass
class Client:
    """Who searches; the repository is public."""

    port: int
    path: str
    address: str = "127.0.0.1"

    def search(self, query: str) -> tuple[float | None, float, dict[str, Any]]:
        """(ms until the first hits, ms until the end, the last line)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600, source_address=(self.address, 0))
        connection.connect()
        began, first, line = time.perf_counter(), None, b"{}"
        connection.request("GET", f"{self.path}/search?q={quote(query)}")
        response = connection.getresponse()
        while said := response.readline():
            line = said
            if first is None and line.startswith(b'{"hits"'):
                first = (time.perf_counter() - began) * 1000
        connection.close()
        return first, (time.perf_counter() - began) * 1000, json.loads(line)

    def get(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", self.path + path)
        return json.loads(connection.getresponse().read())


def bench(folder: Path, inputs: Inputs, *, rounds: int) -> None:
    """Print the table."""
    folder.mkdir()
    server = Gitperch(folder / "data")
    server.add(NAME, inputs.large)
    server.start()
    try:
        wait_for_graph(server, NAME)
        client = Client(server.port, f"/api/repos/{server.user}/{NAME}/graph")
        print("| what | measured |\n|---|---|")
        first, _, _ = client.search("the")
        if first is not None:
            row("first hits of a search while nothing is written yet", f"{first / 1000:.2f} s")
        for query in (NOWHERE, f"file:{NOWHERE}"):
            client.search(query)  # until everything is written
        _sizes(server, client)
        queries = _queries(client)
        for what, query in queries.items():
            _search(what, query, client, rounds)
        _at_once(server, client, list(queries.values()), rounds)
    finally:
        server.stop()
    _beside_git(inputs.large)


def _sizes(server: Gitperch, client: Client) -> None:
    total = client.get("?rows=1")["total"]
    for kind, what in (("texts", "messages and authors"), ("paths", "changed paths")):
        size = sum(file.stat().st_size for file in (server.data / "plugins" / "graph_texts").rglob(f"*.{kind}"))
        row(
            f"{what} of {total:,} commits, as they are written down",
            f"{size / 1e6:.1f} MB, {size / total:.1f} bytes a commit",
        )


def _queries(client: Client) -> dict[str, str]:
    graph = client.get("?rows=1")
    deep = client.get(f"?rows=1&at={graph['total'] * 3 // 4}")["rows"][0]
    branch = graph["head"].removeprefix("refs/heads/")
    return {
        "a frequent word": "the",
        "a word that is nowhere": NOWHERE,
        "a subject three quarters down": f'"{deep["subject"]}"',
        "an author": f'author:"{deep["author"]}"',
        "a branch, and two words": f"branch:{branch} fix the",
        "files by a glob": "file:*e*.txt",
        "all but merges of a year": "merge:exclude after:1y",
    }


def _search(what: str, query: str, client: Client, rounds: int) -> None:
    found = [client.search(query) for _ in range(rounds)]
    firsts = [first for first, _, _ in found if first is not None]
    last = found[-1][2]
    count = f"{last['count']:,}{' and more' if last['more'] else ''}"
    if firsts:
        row(f"{what}: first of {count} hits", milliseconds(firsts))
    row(f"{what}: the end of the answer", milliseconds([whole for _, whole, _ in found]))


def _at_once(server: Gitperch, client: Client, queries: list[str], rounds: int) -> None:
    get = getter(server)
    get("/healthz")
    row("`/healthz`, while nobody searches", milliseconds([get("/healthz")[0] for _ in range(rounds * 20)]))
    command = [sys.executable, "-m", "contrib.bench.searches", str(client.port), client.path, str(SECONDS), *queries]
    times = []
    with subprocess.Popen(command, env=GIT) as crowd:
        while crowd.poll() is None:
            times.append(get("/healthz")[0])
            time.sleep(0.005)
    row(f"the same, while {PEOPLE} people search", milliseconds(times))
    row("private memory of the server then", f"{processes.private_memory(server.pids()) / (1 << 20):.1f} MB")


def _beside_git(repository: Path) -> None:
    for what, options in (
        ("that word in all messages", ("-i", "-F", f"--grep={NOWHERE}")),
        ("files by a glob", ("--", "*e*.txt")),
    ):
        began = time.perf_counter()
        command = ["git", "log", "--all", "--full-history", "--no-merges", "--format=%H", *options]
        subprocess.run(command, cwd=repository, env=GIT, check=True, stdout=subprocess.DEVNULL)
        row(f"`git log --all`, {what}", f"{time.perf_counter() - began:.2f} s")


def main() -> None:
    port, path, seconds, *queries = sys.argv[1:]
    until, dice = time.monotonic() + float(seconds), random.Random(1)  # noqa: S311 -- the same queries in every run

    def person(number: int) -> None:
        client = Client(int(port), path, f"127.0.1.{number}")  # of each only a few searches run at once
        while time.monotonic() < until:
            client.search(dice.choice(queries))

    people = [threading.Thread(target=person, args=(number,)) for number in range(1, PEOPLE + 1)]
    for one in people:
        one.start()
    for one in people:
        one.join()


if __name__ == "__main__":
    main()
