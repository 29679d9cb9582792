"""Holes that git servers have had, knocked at over HTTP. Rows by the weakness they were."""

from __future__ import annotations

import gzip
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from support.server import Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path

POST = {"Content-Type": "application/x-git-upload-pack-request"}


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    work = tmp_path_factory.mktemp("w") / "w"
    commit(work, {"index.html": "hello"})
    server.cli("repo", "add", "alice/thing", "--from", str(work))
    return server


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc",
        "/alice/..",
        "/alice/%2e%2e",
        "/alice%2f../thing",
        "/./thing",
        "/alice/thing/../../x",
        "/alice/thing%00",
        "/-x/-y",
    ],
)
def test_no_git_address_leads_out_of_the_storage(house: Server, path: str) -> None:
    """cgit CVE-2018-14912, Gogs GHSA-6vcc."""
    assert house.get(f"{path}/info/refs?service=git-upload-pack", user="alice").status in (400, 404)


@pytest.mark.parametrize("path", ["HEAD", "config", "objects/info/packs", "objects/pack/x.pack", "hooks/post-receive"])
def test_no_file_of_a_repository_is_served_as_it_lies(house: Server, path: str) -> None:
    assert house.get(f"/alice/thing.git/{path}", user="alice").status in (403, 404)


def test_the_protocol_header_reaches_gits_environment_only_in_its_own_form(house: Server) -> None:
    """CVE-2024-39930."""
    for value in ("version=2\tPATH=/tmp", "version=2;x", "$(touch /tmp/x)", "-" * 500):
        headers = {"Git-Protocol": value}
        answer = house.get("/alice/thing.git/info/refs?service=git-upload-pack", user="alice", headers=headers)
        assert answer.body.startswith(b"001e# service=git-upload-pack"), "such a header counts as none"


@pytest.mark.parametrize("service", ["git-upload-archive", "--upload-pack=touch", "", "git-upload-pack%00"])
def test_other_services_are_refused(house: Server, service: str) -> None:
    assert house.get(f"/alice/thing.git/info/refs?service={quote(service)}", user="alice").status == 403


def test_a_gzip_bomb_bursts_early(house: Server) -> None:
    bomb = gzip.compress(b"0" * (200 << 20), 9)
    began = time.monotonic()
    answer = house.request(
        "POST", "/alice/thing.git/git-upload-pack", user="alice", headers=POST | {"Content-Encoding": "gzip"}, body=bomb
    )
    assert answer.status in (200, 413)
    assert time.monotonic() - began < 30
    assert house.get("/healthz").status == 200


def test_garbage_instead_of_gzip_is_a_clear_error(house: Server) -> None:
    answer = house.request(
        "POST",
        "/alice/thing.git/git-upload-pack",
        user="alice",
        headers=POST | {"Content-Encoding": "gzip"},
        body=b"no",
    )
    assert answer.status == 400
    assert "gzip" in answer.text


def test_a_stalled_upload_is_let_go(own_server: Server, tmp_path: Path) -> None:
    own_server.settings["GITPERCH_GIT_STALL_SECONDS"] = "1"
    own_server.settings["GITPERCH_GIT_CHILDREN"] = "1"
    own_server.restart()
    commit(tmp_path / "w", {"a": "a"})
    own_server.git("push", own_server.remote("alice/slow"), "main", cwd=tmp_path / "w")
    token = own_server.cli("token", "add", "alice").splitlines()[-1]
    with socket.create_connection(("127.0.0.1", own_server.port)) as stalled:
        head = (
            f"POST /alice/slow.git/git-receive-pack HTTP/1.1\r\nHost: localhost:{own_server.port}\r\nAuthorization: token {token}\r\n"
            "Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 1000\r\n\r\n00"
        )
        stalled.sendall(head.encode())
        time.sleep(0.3)
        began = time.monotonic()
        own_server.git("ls-remote", own_server.remote("alice/slow"))  # waits for the only place
        assert time.monotonic() - began < 30


def test_refs_of_the_servers_own_and_unprintable_ones_are_refused_in_a_sentence(house: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    done = git("push", house.remote("alice/refs"), "main:refs/gitperch/x", cwd=tmp_path / "w")
    assert done.returncode != 0
    assert "refs/gitperch/" in done.stderr
    done = git("push", house.remote("alice/refs"), "main:refs/heads/caf\udce9", cwd=tmp_path / "w")
    assert "remote: refs/heads/" in done.stderr
    assert "has to be printable UTF-8" in done.stderr
    assert "alice/refs" not in house.cli("repo", "list")


@pytest.mark.parametrize("name", ["-x", "a..b", "ünï/cödé", "x" * 200, "#hash", "50%", "a'b\"c;$(x)"])
def test_odd_branch_names_do_no_harm(house: Server, tmp_path: Path, name: str) -> None:
    """Refs that begin with a dash became options (Gogs GHSA-9pp6, GHSA-m27m)."""
    commit(tmp_path / "w", {"index.html": "hello"})
    done = git("push", house.remote("alice/odd"), f"main:refs/heads/{name}", cwd=tmp_path / "w")
    if ".." in name:
        assert done.returncode != 0
    else:
        assert done.returncode == 0, done.stderr
        assert f"refs/heads/{name}" in house.git("ls-remote", house.remote("alice/odd"))


def test_objects_that_would_write_into_git_folders_are_refused(house: Server, tmp_path: Path) -> None:
    """.GIT and its look-alikes (Gogs CVE-2021-32546)."""
    work = tmp_path / "w"
    commit(work, {"a": "a"})
    blob = git("rev-parse", "HEAD:a", cwd=work).stdout.strip()
    for name in (".GIT", "git~1", ".git\u200c"):
        entry = git("mktree", cwd=work)  # an empty tree, to have the object format initialised
        assert entry.returncode == 0
        import subprocess

        from support.server import GIT_ENVIRONMENT

        tree = (
            subprocess.run(
                ["git", "mktree"],
                input=f"100644 blob {blob}\t{name}\n".encode(),
                cwd=work,
                env=GIT_ENVIRONMENT,
                capture_output=True,
                check=True,
            )
            .stdout.decode()
            .strip()
        )
        bad = git("commit-tree", tree, "-m", "bad", cwd=work).stdout.strip()
        done = git("push", house.remote("alice/evil"), f"{bad}:refs/heads/evil", cwd=work)
        assert done.returncode != 0
        assert "hasDotgit" in done.stderr


def test_a_foreign_host_name_gets_nothing(house: Server) -> None:
    """DNS rebinding: a page of another origin that resolves to this address."""
    answer = house.request(
        "GET", "/alice/thing.git/info/refs?service=git-upload-pack", user="alice", headers={"Host": "evil.example"}
    )
    assert answer.status == 421


def test_forwarded_headers_are_believed_from_trusted_proxies_only(own_server: Server) -> None:
    """GHSA-w6j9: an address that anybody can claim is no address to count failures by."""
    own_server.cli("repo", "add", "alice/x")
    path = "/alice/x.git/info/refs?service=git-upload-pack"
    statuses = {
        own_server.request("GET", path, user=f"u{n}", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status
        for n in range(15)
    }
    assert 429 in statuses
