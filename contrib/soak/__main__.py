"""make soak: eight clients with the real git against a real server, for minutes; then every clone has to be whole and equal to it.

    python -m contrib.soak [--minutes 10] [--clients 8] [--seed 1] [--keep FOLDER]

Ends with status 1, and a line for each thing that is wrong: a command that failed, a clone that `git fsck` does not like or whose refs
are not the server's, a push that was accepted and is not there, memory or open files that grow, processes or files left behind,
an error in the server's log.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from pathlib import Path

from contrib.bench import histories
from contrib.bench.author import git
from contrib.bench.servers import Gitperch
from contrib.soak import leftovers
from contrib.soak.client import Client
from contrib.soak.clone import WIDE
from contrib.soak.watch import Watch, report

REPOSITORIES = {"small": (300, 100), "middle": (1500, 400), "large": (5000, 1000)}  # commits, documents


def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same dice; who comes first may differ")
    parser.add_argument("--keep", type=Path, help="a new folder to work in, which stays for a look")
    options = parser.parse_args()
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="gitperch-soak-"))).absolute()
    folder.mkdir(exist_ok=bool(not options.keep))
    try:
        complaints = soak(folder, minutes=options.minutes, clients=options.clients, seed=options.seed)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for complaint in complaints:
        print(f"WRONG: {complaint}")
    print("The soak found nothing wrong." if not complaints else f"The soak found {len(complaints)} things wrong.")
    sys.exit(bool(complaints))


def soak(folder: Path, *, minutes: float, clients: int, seed: int) -> list[str]:
    """Run it in `folder`; what is wrong, a sentence each."""
    server = Gitperch(folder / "data")
    with server:
        for name, (commits, documents) in REPOSITORIES.items():
            source = histories.generate(folder / f"{name}.git", commits=commits, documents=documents, seed=seed)
            server.add(name, source)
        crowd = [Client(number, seed, server, tuple(REPOSITORIES), folder) for number in range(clients)]
        pid = server.pids()[0]
        print(f"{clients} clients for {minutes:g} minutes, seed {seed}", flush=True)
        watch = Watch(pid)
        complaints = _run(crowd, time.monotonic() + minutes * 60)
        watch.stop()
        _say(crowd)
        server.upkeep()
        complaints += report(watch.samples)
        print(f"at rest: {server.memory():.0f} MB resident", flush=True)
        for name in REPOSITORIES:
            complaints += _compare(server, name, crowd)
        server.upkeep()
        complaints += leftovers.children(pid, server.data) + leftovers.files(server.data)
        complaints += _logged(server.log.read_text("utf-8", "replace"))
        doctor = server.cli("doctor")
        if " 0 waiting, 0 failed" not in doctor:
            complaints.append(f"gitperch doctor says: {doctor}")
        return complaints


def _run(crowd: list[Client], until: float) -> list[str]:
    """Let all clients act until `until`; what they complain of. One who complains has stopped."""
    complaints = []

    def run(client: Client) -> None:
        try:
            client.run(until)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is reported
            complaints.append(f"{client.name}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=(client,)) for client in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return complaints


def _say(crowd: list[Client]) -> None:
    done: dict[str, int] = {}
    for client in crowd:
        for action, count in client.done.items():
            done[action] = done.get(action, 0) + count
    print(", ".join(f"{count} × {action.replace('_', ' ')}" for action, count in sorted(done.items())))
    overtaken = sum(clone.overtaken for client in crowd for clone in client.clones)
    print(
        f"{sum(client.lost_races for client in crowd)} pushes lost a race, {overtaken} fetches were overtaken by a push"
    )


def _logged(log: str) -> list[str]:
    """What the server itself found wrong: the first and the last line of each error in its log."""
    entries = re.split(r"\n(?=\[?\d{4}-\d\d-\d\d )", log)
    wrong = [entry.strip().splitlines() for entry in entries if " ERROR " in entry[:80] or "Traceback" in entry]
    return [f"the server's log says: {' … '.join((lines[0], *lines[1:][-1:]))}" for lines in wrong]


def _compare(server: Gitperch, name: str, crowd: list[Client]) -> list[str]:
    """Every clone of a repository with what lies on the server's disk, and that with what was pushed."""
    complaints = []
    with sqlite3.connect(server.data / "gitperch.db") as db:
        (repo_id,) = db.execute("SELECT id FROM repositories WHERE name = ?", (name,)).fetchone()
    path = server.data / "repositories" / f"{repo_id}.git"
    git(path, "fsck", "--full", "--no-dangling", "--no-progress")
    listed = git(path, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
    truth = {ref: oid for oid, ref in (line.split(" ", 1) for line in listed.splitlines())}
    print(f"{name}: {len(truth)} refs, {git(path, 'count-objects', '-v').replace(chr(10), ', ')}", flush=True)
    for client in crowd:
        kept = {ref: truth.get(ref) for ref in client.refs[name]}
        if kept != client.refs[name]:
            complaints.append(f"{client.name} pushed {client.refs[name]} to {name}, the server has {kept}")
        for clone in client.clones:
            if clone.name == name:
                try:
                    clone.fetch()
                    clone.check()
                except RuntimeError as error:
                    complaints.append(f"{clone.kind} clone {clone.path}: {error}")
                wide = clone.kind in WIDE  # others do not ask whether a tag is gone
                seen = {ref: oid for ref, oid in clone.refs().items() if wide or ref.startswith("refs/heads/")}
                expected = truth if wide else {ref: truth.get(ref) for ref in seen}
                if seen != expected:
                    complaints.append(f"{clone.kind} clone {clone.path} has {seen}, the server {expected}")
    return complaints


if __name__ == "__main__":
    main()
