"""Locks of large files: whose they are, and what cannot be one. Named by what holds."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.lfs import call, let_write

if TYPE_CHECKING:
    from support.server import Server


@pytest.fixture(scope="module")
def house(server: Server) -> Server:
    """alice/secret and bob/own are private; bob may write to alice/shared."""
    server.add_user("bob")
    for name in ("alice/secret", "alice/shared", "bob/own"):
        server.cli("repo", "add", name, "--private")
    let_write(server, "alice/shared", "bob")
    return server


def test_a_lock_of_another_repository_is_not_there(house: Server) -> None:
    """Gitea CVE-2026-20912: an id of another repository accepted."""
    made = call(house, "POST", "alice/secret:locks", {"path": "a.bin"}, user="alice").json()["lock"]
    for repo, user in (("bob/own", "bob"), ("alice/shared", "alice")):
        assert call(house, "POST", f"{repo}:locks/{made['id']}/unlock", {"force": True}, user=user).status == 404
        assert call(house, "GET", f"{repo}:locks?id={made['id']}", user=user).json()["locks"] == []
    assert call(house, "GET", "alice/secret:locks", user="alice").json()["locks"] == [made]


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\0b", "\ud800", "x" * 5000, 7, None, ["a"]]
)
def test_no_lock_has_such_a_path(house: Server, path: object) -> None:
    answer = call(house, "POST", "alice/shared:locks", {"path": path}, user="alice")
    assert answer.status == 422
    assert "path" in answer.json()["message"]


@pytest.mark.parametrize(
    "query", ["limit=x", "limit=-1", "cursor=1%20OR%201", "cursor=" + "9" * 400, "limit=1e3", "cursor=%C2%B2"]
)
def test_no_listing_of_locks_has_such_a_cursor(house: Server, query: str) -> None:
    assert call(house, "GET", f"alice/secret:locks?{query}", user="alice").status == 422


def test_locks_of_one_repository_have_an_end(house: Server) -> None:
    house.cli("repo", "add", "alice/all-locked", "--private")
    with sqlite3.connect(house.data / "gitperch.db") as db:
        [(repo_id,)] = db.execute("SELECT id FROM repositories WHERE name = 'all-locked'")
        rows = [(repo_id, f"{number}.bin") for number in range(10_000)]
        db.executemany("INSERT INTO lfs_locks (repo_id, path, user_id, locked_at) VALUES (?, ?, 1, 0)", rows)
    db.close()
    answer = call(house, "POST", "alice/all-locked:locks", {"path": "one-more.bin"}, user="alice")
    assert answer.status == 422
    assert "10000 locks" in answer.json()["message"]
    page = call(house, "GET", "alice/all-locked:locks?limit=99999", user="alice").json()
    assert len(page["locks"]) == 1000


def test_a_reader_locks_and_unlocks_nothing(house: Server) -> None:
    house.cli("repo", "add", "alice/readable", "--public")
    lock = call(house, "POST", "alice/readable:locks", {"path": "a.bin"}, user="alice").json()["lock"]
    assert call(house, "GET", "alice/readable:locks", user="bob").json()["locks"] == [lock]
    for path, document in (
        ("locks", {"path": "b.bin"}),
        ("locks/verify", {}),
        (f"locks/{lock['id']}/unlock", {"force": True}),
    ):
        assert call(house, "POST", f"alice/readable:{path}", document, user="bob").status == 403
        assert call(house, "POST", f"alice/readable:{path}", document).status == 401


def test_a_lock_is_one_persons_when_many_want_it(house: Server) -> None:
    with ThreadPoolExecutor(8) as pool:
        users = ["alice", "bob"] * 4
        answers = list(
            pool.map(lambda user: call(house, "POST", "alice/shared:locks", {"path": "one.bin"}, user=user), users)
        )
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    assert len({answer.json()["lock"]["id"] for answer in answers}) == 1
