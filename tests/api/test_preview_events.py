"""What the server says of previews: to pages, by events, and again after a restart."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING, Any

from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


def told(server: Server) -> list[dict[str, Any]]:
    """Every recorded change of a preview, oldest first, once nothing waits to be delivered."""
    until = time.monotonic() + 60
    with sqlite3.connect(server.data / "gitperch.db", timeout=20) as db:
        while db.execute("SELECT 1 FROM deliveries").fetchone() and time.monotonic() < until:
            time.sleep(0.02)
        rows = db.execute("SELECT payload FROM events WHERE kind = 'preview.changed' ORDER BY id").fetchall()
    db.close()
    return [json.loads(payload) for (payload,) in rows]


def test_a_preview_appears_changes_and_goes(own_server: Server, tmp_path: Path) -> None:
    work, remote = tmp_path / "work", own_server.remote("alice/thing")
    url = f"http://side-thing.localhost:{own_server.port}/"
    commit(work, {"README": "nothing to show"})
    own_server.git("push", remote, "main", "main:side", cwd=work)
    assert told(own_server) == []
    commit(work, {"index.html": "1"})
    own_server.git("push", remote, "main:side", cwd=work)
    appeared = {"branch": "side", "state": "ready", "url": url}
    assert told(own_server) == [appeared]
    commit(work, {"index.html": "2"})
    own_server.git("push", remote, "main:side", cwd=work)
    assert told(own_server) == [appeared] * 2
    git("rm", "-q", "index.html", cwd=work)
    commit(work, {})
    own_server.git("push", remote, "main:side", cwd=work)
    emptied = {"branch": "side", "state": "", "url": url}
    assert told(own_server) == [appeared] * 2 + [emptied]
    own_server.git("push", remote, ":side", cwd=work)
    gone = {"branch": "side", "state": "", "url": ""}
    assert told(own_server) == [appeared] * 2 + [emptied, gone]
    own_server.restart()
    time.sleep(0.5)
    assert told(own_server) == [appeared] * 2 + [emptied, gone]


def test_branches_carry_their_previews_on_the_pages(server: Server, tmp_path: Path) -> None:
    server.cli("repo", "add", "alice/paged", "--public")
    commit(tmp_path, {"docs/index.html": "1"})
    git("branch", "feature/ü", cwd=tmp_path)
    server.git("push", server.remote("alice/paged"), "--all", cwd=tmp_path)
    told(server)
    page = server.get("/alice/paged/branches")
    assert f"http://main-paged.localhost:{server.port}/" in page.text
    assert "http://feature-u-paged-" in page.text


def test_a_push_of_many_branches_has_a_preview_for_each(server: Server, tmp_path: Path) -> None:
    oid = commit(tmp_path, {"index.html": "many"})
    updates = "".join(f"create refs/heads/topic/{number} {oid}\n" for number in range(600))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=tmp_path, input=updates.encode(), check=True)
    begun = time.monotonic()
    said = server.git("push", server.remote("alice/many"), "--all", cwd=tmp_path)
    assert "and 596 more" in said
    assert len([change for change in told(server) if "-many" in change["url"]]) == 601
    assert time.monotonic() - begun < 90


def test_lost_host_names_come_back_with_the_next_start(own_server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "work", {"index.html": "back"})
    own_server.git("push", own_server.remote("alice/back"), "main", cwd=tmp_path / "work")
    before = told(own_server)
    own_server.kill()
    with sqlite3.connect(own_server.data / "gitperch.db") as db:
        db.execute("DELETE FROM preview_hosts")
        db.execute(
            "INSERT INTO preview_hosts (label, repo_id, branch, oid, state) VALUES ('old-back', 1, 'old', 'x', 'ready')"
        )
    db.close()
    own_server.start()
    until = time.monotonic() + 60
    while len(told(own_server)) < len(before) + 2 and time.monotonic() < until:
        time.sleep(0.05)
    last = told(own_server)[len(before) :]
    assert sorted((change["branch"], change["state"]) for change in last) == [("main", "ready"), ("old", "")]
