"""Host names that try to be another's, commits that nobody shows any more, and who may ask which names there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Answer, Server


def public(server: Server, folder: Path, name: str, branches: dict[str, str]) -> Path:
    server.cli("repo", "add", f"alice/{name}", "--public")
    work = folder / name
    for branch, text in branches.items():
        if (work / ".git").exists():
            git("checkout", "-q", "--orphan", branch, cwd=work)
        commit(work, {"index.html": text})
        git("branch", "-M", branch, cwd=work)
    server.git("push", server.remote(f"alice/{name}"), "--all", cwd=work)
    return work


def see(server: Server, label: str, path: str = "/") -> Answer:
    return server.get(f"http://{label}.localhost:{server.port}{path}")


def test_row_27_a_look_alike_gets_a_name_of_its_own(server: Server, tmp_path: Path) -> None:
    public(server, tmp_path, "c", {"a-b": "a-b of c"})
    work = public(server, tmp_path, "b-c", {"a": "a of b-c"})
    assert see(server, "a-b-c").text == "a-b of c"
    commit(work, {"index.html": "again"})
    said = server.git("push", server.remote("alice/b-c"), "--all", cwd=work)
    label = said.partition("http://a-b-c-")[2].partition(".")[0]
    assert see(server, f"a-b-c-{label}").text == "again"
    assert see(server, "a-b-c").text == "a-b of c"


def test_row_27_a_branch_named_like_a_commit_does_not_take_its_address(server: Server, tmp_path: Path) -> None:
    work = public(server, tmp_path, "real", {"main": "the commit"})
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    for branch in (oid, oid[:7]):
        git("checkout", "-q", "-b", branch, cwd=work)
        commit(work, {"index.html": "an impostor"})
    server.git("push", server.remote("alice/real"), "--all", cwd=work)
    assert see(server, f"{oid}-real").text == "the commit"
    assert see(server, f"{oid[:7]}-real").headers["location"].startswith(f"http://{oid}-real.")


def test_a_commit_that_no_ref_leads_to_is_not_shown(server: Server, tmp_path: Path) -> None:
    work = public(server, tmp_path, "rewritten", {"main": "a password by mistake"})
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    assert see(server, f"{oid}-rewritten").status == 200
    git("commit", "-q", "--amend", "-m", "without", "--allow-empty", cwd=work)
    server.git("push", "--force", server.remote("alice/rewritten"), "--all", cwd=work)
    for _ in range(50):
        if see(server, f"{oid}-rewritten").status == 404:
            break
    assert see(server, f"{oid}-rewritten").status == 404
    git("tag", "kept", oid, cwd=work)
    server.git("push", server.remote("alice/rewritten"), "kept", cwd=work)
    for _ in range(50):
        if see(server, f"{oid}-rewritten").status == 200:
            break
    assert see(server, f"{oid}-rewritten").text == "a password by mistake"


@pytest.mark.parametrize("name", ["a.b", "a..b", "-a", "a_b", "x" * 64, "%2e", "main-c.main-c", "xn--main-c"])
def test_names_that_no_preview_has(server: Server, name: str) -> None:
    assert server.request("GET", "/", headers={"Host": f"{name}.localhost:{server.port}"}).status in (302, 404)


def test_a_name_elsewhere_is_not_ours(server: Server) -> None:
    assert server.request("GET", "/", headers={"Host": "main-c.evil.example"}).status == 421


def test_row_10_a_link_out_of_the_tree_is_not_followed(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "links"
    commit(work, {"index.html": "x"})
    (work / "passwd").symlink_to("/etc/passwd")
    (work / "config").symlink_to("../config")
    server.cli("repo", "add", "alice/links", "--public")
    commit(work, {})
    server.git("push", server.remote("alice/links"), "--all", cwd=work)
    assert see(server, "main-links").status == 200
    assert see(server, "main-links", "/passwd").status == 404
    assert see(server, "main-links", "/config").status == 404


def test_row_28_only_known_names_get_a_certificate(server: Server, tmp_path: Path) -> None:
    work = public(server, tmp_path, "certain", {"main": "x"})
    oid = git("rev-parse", "main", cwd=work).stdout.strip()

    def ask(domain: str, **headers: str) -> int:
        return server.get(f"/preview-ask?domain={domain}", headers=headers).status

    assert ask("localhost") == 200
    assert ask("main-certain.localhost") == 200
    assert ask(f"{oid}-certain.localhost") == 200
    for domain in (
        f"{oid[:7]}-certain.localhost",
        "nope-certain.localhost",
        "evil.example",
        "",
        "a.main-certain.localhost",
    ):
        assert ask(domain) == 404, domain


def test_row_18_a_client_behind_the_proxy_may_not_ask_which_names_there_are(server: Server) -> None:
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        answer = server.get("/preview-ask?domain=localhost", headers={header: "127.0.0.1"})
        assert answer.status == 404
