"""The server's numbers: for administrators, and true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server import PASSWORD, commit

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


def numbers(server: Server) -> dict[str, int]:
    answer = server.get("/metrics", user="alice")
    assert answer.status == 200
    lines = [line.split() for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: int(value) for name, value in lines}


def test_clones_are_counted_by_the_way_they_were_answered(server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"index.html": "<h1>one</h1>"})
    server.git("push", server.remote("alice/counted"), "main", cwd=tmp_path / "w")
    before = numbers(server)
    for number in range(3):
        server.git("clone", "-q", "--depth=1", server.remote("alice/counted"), str(tmp_path / f"clone{number}"))
    after = numbers(server)
    asked = after["gitperch_clones_fills_total"] - before["gitperch_clones_fills_total"]
    again = after["gitperch_clones_hits_total"] - before["gitperch_clones_hits_total"]
    assert (asked, again) == (1, 2)
    assert after["gitperch_clones_bytes_sent_total"] > before["gitperch_clones_bytes_sent_total"]
    assert 20_000_000 < after["process_resident_memory_bytes"] < 200_000_000
    assert after["gitperch_git_places_taken"] == 0


def test_nobody_else_sees_them(server: Server) -> None:
    server.add_user("bob")
    assert server.get("/metrics", headers={"Accept": "text/plain"}).status in (303, 401)
    assert server.get("/metrics", user="bob", password=PASSWORD).status == 403
    token = server.cli("token", "add", "alice", "--scope", "read:repository").splitlines()[-1]
    assert server.get("/metrics", headers={"Authorization": f"token {token}"}).status == 403
