"""Smaller graphs of a large history: how long each takes when it is asked for the first time, and a window of it afterwards."""

from __future__ import annotations

import http.client
import subprocess
import time
from base64 import b64encode
from typing import TYPE_CHECKING

from contrib.bench.servers import GIT, PASSWORD
from contrib.bench.table import milliseconds, row, seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from contrib.bench.servers import Gitperch

NEVER = 4_000_000_000  # Unix seconds, later than any commit
PAUSE = 0.02  # seconds between two looks at a view that is being built


def views(server: Gitperch, name: str, repository: Path, rounds: int) -> None:
    """Rows for a few views, each built anew in every round: a bound that leaves out nothing makes it another one."""
    refs = _git(repository, "for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
    times = sorted(int(line) for line in _git(repository, "log", "--branches", "--format=%ct", "-1000").splitlines())
    half = times[0] // 2 + times[-1] // 2
    kinds: dict[str, Callable[[int], str]] = {
        "one branch": lambda nth: f"ref={refs[0]}&before={NEVER + nth}",
        "first parents": lambda nth: f"first_parent=1&before={NEVER + nth}",
        "a range of dates": lambda nth: f"after={half + nth}",
        "no merges": lambda nth: f"merges=0&before={NEVER + nth}",
        "an author": lambda nth: f"author=ada&before={NEVER + nth}",
    }
    path = next((line for line in _git(repository, "ls-tree", "--name-only", "HEAD").splitlines()), "")
    if path:
        kinds["one folder"] = lambda nth: f"path={path}&before={NEVER + nth}"
    get = _getter(server, f"/api/repos/{server.user}/{name}/graph")
    for what, query in kinds.items():
        row(f"view of {what}, first window, made anew", seconds([get(query(nth)) for nth in range(rounds)]))
    known = next(iter(kinds.values()))(0)
    row("the first of them again, 200 rows", _again(get, known, rounds * 4))


def _again(get: Callable[[str], float], query: str, rounds: int) -> str:
    return milliseconds([get(f"{query}&at={nth}") * 1000 for nth in range(rounds)])


def _getter(server: Gitperch, path: str) -> Callable[[str], float]:
    """A function that asks for a window until it is there: seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    signed = {"Authorization": "Basic " + b64encode(f"{server.user}:{PASSWORD}".encode()).decode()}

    def get(query: str) -> float:
        began = time.perf_counter()
        while True:
            connection.request("GET", f"{path}?{query}", headers=signed)
            response = connection.getresponse()
            body = response.read()
            if response.status == 200:
                return time.perf_counter() - began
            if response.status != 202:
                raise RuntimeError(f"{query} answered {response.status}: {body[:200]!r}")
            time.sleep(PAUSE)

    return get


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=repository, env=GIT, text=True, check=True, stdout=subprocess.PIPE).stdout
