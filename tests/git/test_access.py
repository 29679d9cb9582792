"""Who may clone and push what, as git sees it: 401 asks for credentials, 404 hides, 403 explains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path

REFS = "/info/refs?service=git-upload-pack"
PUSH = "/info/refs?service=git-receive-pack"


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """`server` with a second person, a public and a private repository of the first one's."""
    work = tmp_path_factory.mktemp("work") / "w"
    commit(work, {"index.html": "hello"})
    server.add_user("bob")
    server.cli("repo", "add", "alice/open", "--public", "--from", str(work))
    server.cli("repo", "add", "alice/closed", "--private", "--from", str(work))
    return server


def test_nobody_is_asked_to_sign_in_for_a_public_clone(house: Server, tmp_path: Path) -> None:
    house.git("clone", "-q", f"{house.url}/alice/open", str(tmp_path / "clone"))


@pytest.mark.parametrize("name", ["closed", "missing"])
def test_private_and_missing_look_the_same(house: Server, name: str) -> None:
    nobody = house.get(f"/alice/{name}.git{REFS}")
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"].startswith("Basic ")
    assert house.get(f"/alice/{name}.git{REFS}", user="bob").status == 404
    assert house.get(f"/alice/{name}.git{PUSH}", user="bob").status == 404


def test_the_answers_for_private_and_missing_differ_in_nothing_but_the_name(house: Server) -> None:
    for user in (None, "bob"):
        closed = house.get(f"/alice/closed.git{REFS}", user=user)
        missing = house.get(f"/alice/absent.git{REFS}", user=user)
        assert closed.text.replace("closed", "absent") == missing.text
        del closed.headers["date"], missing.headers["date"]
        assert closed.headers == missing.headers


def test_wrong_credentials_are_401_even_for_a_public_repository(house: Server) -> None:
    assert house.get(f"/alice/open.git{REFS}", user="bob", password="wrong").status == 401


def test_reading_rights_do_not_push(house: Server, tmp_path: Path) -> None:
    assert house.get(f"/alice/open.git{PUSH}").status == 401
    answer = house.get(f"/alice/open.git{PUSH}", user="bob")
    assert answer.status == 403
    assert "write permission" in answer.text


def test_the_service_in_the_query_does_not_weaken_a_push(house: Server) -> None:
    """Gogs GHSA-wmfg-5p4h-5fw3."""
    answer = house.request(
        "POST",
        "/alice/open.git/git-receive-pack?service=git-upload-pack",
        user="bob",
        headers={"Content-Type": "application/x-git-receive-pack-request"},
        body=b"0000",
    )
    assert answer.status == 403


def test_nobody_pushes_a_new_repository_into_anothers_namespace(house: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    done = git("push", house.remote("alice/intruder", user="bob"), "main", cwd=tmp_path / "w")
    assert done.returncode != 0
    assert "intruder" not in house.cli("repo", "list")


def test_a_token_works_as_password_and_its_scope_is_its_limit(house: Server, tmp_path: Path) -> None:
    reading = house.cli("token", "add", "alice", "--scope", "read:repository").splitlines()[-1]
    house.git("clone", "-q", house.remote("alice/closed", password=reading), str(tmp_path / "clone"))
    assert house.get(f"/alice/closed.git{PUSH}", user="alice", password=reading).status == 403
    header = {"Authorization": f"token {reading}"}
    assert house.request("GET", f"/alice/closed.git{REFS}", headers=header).status == 200
    assert house.request("GET", f"/alice/closed.git{PUSH}", headers=header).status == 403
    assert house.request("GET", f"/alice/unborn.git{PUSH}", headers=header).status == 404


def test_a_token_for_one_repository_opens_no_other(house: Server) -> None:
    house.cli("repo", "add", "alice/other", "--private")
    token = house.cli("token", "add", "alice", "--repo", "alice/closed", "--days", "1").splitlines()[-1]
    assert house.get(f"/alice/closed.git{PUSH}", user="alice", password=token).status == 200
    assert house.get(f"/alice/other.git{REFS}", user="alice", password=token).status == 404
    assert house.get(f"/alice/brandnew.git{PUSH}", user="alice", password=token).status == 404


def test_too_many_wrong_passwords_have_to_wait(own_server: Server) -> None:
    own_server.cli("repo", "add", "alice/x")
    statuses = [own_server.get(f"/alice/x.git{REFS}", user="alice", password=f"wrong{n}").status for n in range(12)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
