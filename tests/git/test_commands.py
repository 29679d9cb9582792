"""The command line, while the server runs and while it does not."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

from support.server import Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path


def fails(server: Server, *arguments: str) -> str:
    """What a command that must fail says."""
    done = subprocess.run(
        [sys.executable, "-m", "gitperch", *arguments, "--data", str(server.data)],
        capture_output=True,
        text=True,
        env=server.environment,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_commands_work_without_a_server_and_the_first_start_needs_no_administrator(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.add_user("alice")
    server.cli("repo", "add", "alice/early", "--public")
    assert server.cli("repo", "list") == "alice/early\tpublic\n"
    assert server.cli("version").startswith("gitperch 0.")


def test_the_first_start_makes_an_administrator_and_says_so_once(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", admin="admin")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gitperch.db").touch()
    server.start()
    try:
        password = server.log.split("Password    ")[1].split()[0]
        assert "Sign in as  admin" in server.log
        assert server.log.count("  git ") == 3
        commit(tmp_path / "w", {"a": "a"})
        server.git("push", server.remote("admin/thing", password=password), "--all", cwd=tmp_path / "w")
        server.restart()
        assert server.log.count(password) == 1
    finally:
        server.stop()


def test_an_import_brings_every_ref_and_reaches_the_running_server(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "w"
    first = commit(work, {"index.html": "hello"})
    git("branch", "topic", cwd=work)
    git("tag", "-a", "v1", "-m", "v1", cwd=work)
    git("update-ref", "refs/notes/commits", first, cwd=work)
    git("pack-refs", "--all", cwd=work)
    git("checkout", "-q", "-b", "latest", cwd=work)
    second = commit(work, {"index.html": "hello again"})
    server.cli("repo", "add", "alice/brought", "--from", str(work))
    remote = server.remote("alice/brought")
    assert server.git("ls-remote", remote, "HEAD").split()[0] == second
    theirs = git("for-each-ref", "--format=%(objectname)\t%(refname)", cwd=work).stdout
    assert set(theirs.splitlines()) <= set(server.git("ls-remote", remote).splitlines())
    until = time.monotonic() + 60
    while (answer := server.get("/api/repos/alice/brought/graph?at=0&rows=5", user="alice")).json().get("total") != 2:
        assert time.monotonic() < until, answer.text
        time.sleep(0.1)


def test_an_import_takes_no_configuration_and_no_hooks(server: Server, tmp_path: Path) -> None:
    work = tmp_path / "w"
    commit(work, {"a": "a"})
    git("config", "core.fsmonitor", "touch /tmp/owned", cwd=work)
    (work / ".git" / "hooks").mkdir(exist_ok=True)
    (work / ".git" / "hooks" / "post-receive").write_text("#!/bin/sh\ntouch /tmp/owned\n")
    server.cli("repo", "add", "alice/clean", "--from", str(work))
    path = max((server.data / "repositories").glob("*.git"), key=lambda path: int(path.stem))
    assert "fsmonitor" not in (path / "config").read_text()
    assert not (path / "hooks").exists()


def test_repositories_that_borrow_objects_come_whole(server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    git("clone", "-q", "--shared", str(tmp_path / "w"), str(tmp_path / "borrower"))
    server.cli("repo", "add", "alice/borrowed", "--from", str(tmp_path / "borrower"))
    server.git("clone", "-q", server.remote("alice/borrowed"), str(tmp_path / "clone"))
    assert git("fsck", cwd=tmp_path / "clone").returncode == 0


def test_commands_name_the_address_that_the_server_was_started_with(server: Server) -> None:
    assert server.cli("repo", "add", "alice/addressed").strip() == f"{server.url}/alice/addressed"


def test_the_token_stands_alone_on_the_last_line(server: Server) -> None:
    server.cli("repo", "add", "alice/tokened")
    token = server.cli("token", "add", "alice", "--scope", "read:repository", "--repo", "alice/tokened", "--days", "2")
    assert (
        server.get(
            "/alice/tokened/info/refs?service=git-upload-pack", user="alice", password=token.splitlines()[-1]
        ).status
        == 200
    )


def test_mistakes_are_answered_with_a_sentence(server: Server, tmp_path: Path) -> None:
    assert "is taken" in fails(server, "user", "add", "ALICE")
    assert "cannot be used" in fails(server, "user", "add", "../x")
    assert "There is nobody called 'carol'" in fails(server, "token", "add", "carol")
    assert "is no scope; the scopes are" in fails(server, "token", "add", "alice", "--scope", "everything")
    assert "There is nobody called 'carol'" in fails(server, "repo", "add", "carol/x")
    assert "is not OWNER/NAME" in fails(server, "repo", "add", "x")
    assert "is not a git repository" in fails(server, "repo", "add", "alice/none", "--from", str(tmp_path))
    assert "alice/none" not in server.cli("repo", "list")
    assert "Another server works on" in fails(server, "serve", "--listen", "127.0.0.1:0")


def test_a_machine_without_git_is_told_so(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", settings={"PATH": str(tmp_path)})
    said = fails(server, "serve", "--listen", "127.0.0.1:0")
    assert said.strip().splitlines()[-1].startswith("gitperch: git is not installed")


def test_a_plugin_for_another_contract_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    info = tmp_path / "old-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: old\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gitperch.plugins]\nold = old_plugin:Old\n")
    (tmp_path / "old_plugin.py").write_text(
        "from gitperch.plugin import Plugin\n\n\nclass Old(Plugin):\n    name = 'old'\n    api_version = 0\n"
    )
    server = Server(tmp_path / "data", settings={"PYTHONPATH": str(tmp_path)})
    said = fails(server, "serve", "--listen", "127.0.0.1:0")
    assert "The plugin old was written for version 0 of the plugin contract" in said
