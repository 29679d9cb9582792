"""Refs and the database cannot commit together; whenever the server dies, every plugin still hears of every move."""

from __future__ import annotations

import itertools
import os
import subprocess
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from support.server import Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLUGIN = '''
import itertools
import os
from pathlib import Path
from starlette.responses import JSONResponse
from starlette.routing import Route
from gitperch.events import Event, RefsUpdated
from gitperch.plugin import Mode, Plugin


class Witness(Plugin):
    """Writes down, in a table of its own, every move it hears of; dies or fails when a file tells it to."""

    name = "witness"
    listens = {RefsUpdated: Mode.DURABLE, Event: Mode.EPHEMERAL}
    migrations = Path(__file__).parent / "witness_migrations"

    async def start(self, host):
        self.host = host
        self.heard = []
        self.folder = host.folder("witness")

    async def handle(self, event):
        if not isinstance(event, RefsUpdated):
            return
        if (self.folder / "die").exists():
            (self.folder / "die").unlink()
            os.kill(os.getpid(), 9)
        if (self.folder / "fail").exists():
            with (self.folder / "tries").open("a") as tries:
                tries.write(".")
            raise RuntimeError("as told")
        async with self.host.db.write() as tx:
            for change in event.changes:
                await tx.execute("INSERT OR IGNORE INTO witness_moves VALUES (?, ?, ?, ?, ?)",
                                 (event.id, event.repo_id, change.ref, change.old, change.new))

    def routes(self):
        return [Route("/api/repos/{owner}/{name}/witness", self.page)]

    async def page(self, request):
        viewer = await self.host.access.viewer(request)
        repo = await self.host.access.repository(viewer, request.path_params["owner"], request.path_params["name"])
        rows = await self.host.db.rows("SELECT ref, old, new FROM witness_moves WHERE repo_id = ? ORDER BY event", (repo.id,))
        return JSONResponse([list(row) for row in rows])

    async def remote_lines(self, event):
        return ["The witness has seen it."]
'''


@pytest.fixture
def witnessed(tmp_path: Path) -> Iterator[Server]:
    """A server with a fourth plugin, installed from a folder outside the project through the entry-point group."""
    outside = tmp_path / "outside"
    package = outside / "witness-1.0.dist-info"
    package.mkdir(parents=True)
    (outside / "witness_plugin.py").write_text(textwrap.dedent(PLUGIN))
    (outside / "witness_migrations").mkdir()
    table = "CREATE TABLE witness_moves (event INTEGER, repo_id INTEGER, ref TEXT, old TEXT, new TEXT, PRIMARY KEY (event, ref)) STRICT;"
    (outside / "witness_migrations" / "0001_moves.sql").write_text(table)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: witness\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[gitperch.plugins]\nwitness = witness_plugin:Witness\n")
    server = Server(tmp_path / "data", settings={"PYTHONPATH": str(outside), "GITPERCH_DELIVERY_RETRY_SECONDS": "0.01"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def moves(server: Server, name: str, count: int) -> list[list[str | None]]:
    """What the witness has heard of a repository, as soon as it is at least `count` moves."""
    until = time.monotonic() + 60
    while True:
        answer = server.get(f"/api/repos/alice/{name}/witness", user="alice")
        heard: list[list[str | None]] = answer.json() if answer.status == 200 else []
        if len(heard) >= count:
            return heard
        assert time.monotonic() < until, f"heard only {heard}\n{server.log}"
        time.sleep(0.02)


def test_a_plugin_from_outside_sees_events_routes_migrations_and_speaks_to_the_pusher(
    witnessed: Server, tmp_path: Path
) -> None:
    first = commit(tmp_path / "w", {"a": "1"})
    said = witnessed.git("push", witnessed.remote("alice/seen"), "main", cwd=tmp_path / "w")
    assert "remote: The witness has seen it." in said
    assert moves(witnessed, "seen", 1) == [["refs/heads/main", None, first]]
    second = commit(tmp_path / "w", {"a": "2"})
    witnessed.git("push", witnessed.remote("alice/seen"), "main", "main:refs/tags/v1", cwd=tmp_path / "w")
    assert moves(witnessed, "seen", 3)[1:] == [["refs/heads/main", first, second], ["refs/tags/v1", None, second]]
    assert "witness" in witnessed.cli("doctor")


def test_killed_between_the_refs_move_and_the_event(witnessed: Server, tmp_path: Path) -> None:
    first = commit(tmp_path / "w", {"a": "1"})
    remote = witnessed.remote("alice/torn")
    witnessed.git("push", remote, "main", cwd=tmp_path / "w")
    moves(witnessed, "torn", 1)
    assert witnessed.process
    hook = witnessed.data / "git" / "hooks" / "post-receive"
    hook.write_text(f"#!/bin/sh\nkill -9 {witnessed.process.pid}\n")
    hook.chmod(0o755)
    second = commit(tmp_path / "w", {"a": os.urandom(100_000)})  # a smaller push would start no hook
    git("push", remote, "main", "main:refs/heads/new", cwd=tmp_path / "w")
    witnessed.process.wait(60)
    witnessed.start()
    assert second in witnessed.git("ls-remote", remote, "refs/heads/main"), "the ref had moved"
    heard = moves(witnessed, "torn", 3)
    assert sorted(heard[1:], key=str) == [["refs/heads/main", first, second], ["refs/heads/new", None, second]]


def test_killed_between_the_event_and_its_delivery(witnessed: Server, tmp_path: Path) -> None:
    first = commit(tmp_path / "w", {"a": "1"})
    remote = witnessed.remote("alice/owed")
    (witnessed.data / "plugins" / "witness" / "die").touch()
    git("push", remote, "main", cwd=tmp_path / "w")
    assert witnessed.process
    assert witnessed.process.wait(60) == -9
    witnessed.start()
    assert moves(witnessed, "owed", 1) == [["refs/heads/main", None, first]]


def test_killed_at_any_moment_of_many_pushes(witnessed: Server, tmp_path: Path) -> None:
    work = tmp_path / "w"
    commit(work, {"a": "0"})
    remote = witnessed.remote("alice/often")
    witnessed.git("push", remote, "main", cwd=work)
    for delay in (0.0, 0.01, 0.02, 0.03, 0.05):
        for number in range(3):
            commit(work, {"a": f"{delay} {number}"})
            git("push", remote, "main", cwd=work)
        commit(work, {"a": f"{delay} last"})
        pusher = subprocess.Popen(["git", "push", "-q", remote, "main"], cwd=work, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        witnessed.kill()
        pusher.wait(60)
        witnessed.start()
    tip = witnessed.git("ls-remote", remote, "refs/heads/main").split()[0]
    until = time.monotonic() + 60
    while True:
        heard = moves(witnessed, "often", 1)
        chain = [move for move in heard if move[0] == "refs/heads/main"]
        if chain[-1][2] == tip or time.monotonic() > until:
            break
        time.sleep(0.05)
    assert chain[-1][2] == tip, "the last move was heard"
    assert all(before[2] == after[1] for before, after in itertools.pairwise(chain)), "no move is missing"


def test_a_ref_moved_behind_the_servers_back_is_found_at_the_next_start(witnessed: Server, tmp_path: Path) -> None:
    oid = commit(tmp_path / "w", {"a": "1"})
    witnessed.git("push", witnessed.remote("alice/behind"), "main", cwd=tmp_path / "w")
    moves(witnessed, "behind", 1)
    witnessed.stop()
    path = next((witnessed.data / "repositories").glob("*.git"))
    git("update-ref", "refs/heads/secretly", oid, cwd=path)
    witnessed.start()
    assert moves(witnessed, "behind", 2)[1] == ["refs/heads/secretly", None, oid]


def test_a_failing_plugin_is_tried_again_then_parked_and_holds_up_nobody(witnessed: Server, tmp_path: Path) -> None:
    folder = witnessed.data / "plugins" / "witness"
    (folder / "fail").touch()
    oid = commit(tmp_path / "w", {"index.html": "<h1>hello</h1>"})
    witnessed.git("push", witnessed.remote("alice/sick"), "main", cwd=tmp_path / "w")
    until = time.monotonic() + 60
    while "failed" not in (report := witnessed.cli("doctor")) or "0 waiting, 1 failed" not in report:
        assert time.monotonic() < until, report
        time.sleep(0.2)
    assert len((folder / "tries").read_text()) == 8
    assert "as told" in report
    graph = witnessed.get("/api/repos/alice/sick/graph?at=0&rows=10", user="alice").json()
    assert [row["oid"] for row in graph["rows"]] == [oid], "the graph has it all the same"
    (folder / "fail").unlink()
    second = commit(tmp_path / "w", {"index.html": "<h1>again</h1>"})
    witnessed.git("push", witnessed.remote("alice/sick"), "main", cwd=tmp_path / "w")
    assert moves(witnessed, "sick", 1) == [["refs/heads/main", oid, second]]


def test_hooks_survive_nothing_but_are_written_anew(witnessed: Server) -> None:
    """Hooks edited or deleted by users (Gogs GHSA-mrph): they are the server's own, and fresh at every start."""
    hooks = witnessed.data / "git" / "hooks"
    (hooks / "update").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-receive").unlink()
    witnessed.restart()
    assert sorted(path.name for path in hooks.iterdir()) == ["pre-receive"]
    assert all(os.access(path, os.X_OK) for path in hooks.iterdir())
