"""However a client, a git or the server ends, nothing of a session over SSH stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import commit, git
from support.ssh import Ssh, children, events, ok, raw, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    with running(tmp_path_factory.mktemp("ssh")) as started:
        yield started


def test_a_client_that_is_killed_takes_its_git_with_it(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/killed"), "main", cwd=tmp_path))
    with raw(ssh, "git-upload-pack 'alice/killed'") as client:
        assert client.stdout
        assert client.stdout.read(4)
        until(lambda: children(ssh.server, "upload-pack"))
        client.kill()
        until(lambda: not children(ssh.server, "upload-pack"))


def test_a_push_that_has_arrived_is_finished_although_its_client_has_gone(tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    with running(tmp_path / "s", GIT_CHILDREN="1") as ssh:
        ok(ssh.git("push", ssh.url("alice/left"), "main", cwd=tmp_path / "w"))
        new = commit(tmp_path / "w", {"a": "b"})
        old = git("rev-parse", "HEAD~", cwd=tmp_path / "w").stdout.strip()
        pack = subprocess.run(
            ["git", "pack-objects", "--stdout", "--revs", "-q"],
            input=f"{new}\n^{old}\n".encode(),
            cwd=tmp_path / "w",
            capture_output=True,
            check=True,
        ).stdout
        line = f"{old} {new} refs/heads/main\0 report-status".encode()
        with raw(ssh, "git-receive-pack 'alice/left'") as pusher:
            assert pusher.stdout
            assert pusher.stdin
            assert pusher.stdout.read(4)
            with raw(ssh, "git-upload-pack 'alice/left'") as holder:  # the only place is taken meanwhile
                assert holder.stdout
                assert holder.stdout.read(4)
                pusher.stdin.write(f"{len(line) + 4:04x}".encode() + line + b"0000" + pack)
                pusher.stdin.close()
                time.sleep(0.5)  # for the bytes to arrive
                assert not children(ssh.server, "receive-pack")
                pusher.kill()
                pusher.wait()
                time.sleep(0.3)
                holder.kill()
        until(lambda: ssh.git("ls-remote", ssh.url("alice/left"), "main").stdout.startswith(new))
        assert events(ssh, "alice/left")[-1]["changes"] == [["refs/heads/main", old, new]]


def test_a_clone_whose_git_dies_fails_and_does_not_wait(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": os.urandom(24 << 20)})
    ok(ssh.git("push", ssh.url("alice/dying"), "main", cwd=tmp_path / "w"))
    command = ["git", "clone", "-q", "--depth=1", ssh.url("alice/dying"), str(tmp_path / "c")]
    with subprocess.Popen(command, env=ssh.environment(), start_new_session=True, stderr=subprocess.PIPE) as client:
        until(lambda: children(ssh.server, "upload-pack"))
        os.killpg(client.pid, signal.SIGSTOP)
        for pid in children(ssh.server, "git"):
            os.kill(pid, signal.SIGKILL)
        os.killpg(client.pid, signal.SIGCONT)
        assert client.wait(60) != 0


def test_a_pusher_that_waits_for_the_answer_with_its_end_open_gets_it(ssh: Ssh, tmp_path: Path) -> None:
    """As libgit2 and JGit do, and git itself where there is no pack: nothing but git knows that a pack is whole."""
    old = commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/waits"), "main", cwd=tmp_path))
    new = commit(tmp_path, {"a": "b"})
    pack = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs", "-q"],
        input=f"{new}\n^{old}\n".encode(),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    ).stdout
    line = f"{old} {new} refs/heads/main\0 report-status".encode()
    with raw(ssh, "git-receive-pack 'alice/waits'") as pusher:
        assert pusher.stdin
        assert pusher.stdout
        pusher.stdin.write(f"{len(line) + 4:04x}".encode() + line + b"0000" + pack)
        pusher.stdin.flush()
        answer = b""
        while b"ok refs/heads/main" not in answer:
            piece = pusher.stdout.read1(1000)  # type: ignore[attr-defined]
            assert piece, "it ended without a word"
            answer += piece
        pusher.kill()


def test_a_push_that_breaks_off_changes_nothing(ssh: Ssh, tmp_path: Path) -> None:
    old = commit(tmp_path, {"a": "a"})
    ok(ssh.git("push", ssh.url("alice/broken"), "main", cwd=tmp_path))
    line = f"{old} {'1' * 40} refs/heads/main\0 report-status".encode()
    with raw(ssh, "git-receive-pack 'alice/broken'") as pusher:
        assert pusher.stdout
        assert pusher.stdin
        assert pusher.stdout.read(4)
        pusher.stdin.write(f"{len(line) + 4:04x}".encode() + line + b"0000PACK\0\0\0\2")
        pusher.stdin.flush()
        until(lambda: children(ssh.server, "receive-pack"))
        pusher.kill()
    until(lambda: not children(ssh.server, "receive-pack"))
    assert ssh.git("ls-remote", ssh.url("alice/broken"), "main").stdout.startswith(old)


def test_idle_connections_end_and_give_their_places_back(tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    with running(tmp_path / "s", SSH_IDLE_SECONDS="1") as ssh:
        ssh.server.cli("repo", "add", "alice/idle", "--from", str(tmp_path / "w"))
        with raw(ssh, "git-upload-pack 'alice/idle'") as client:
            assert client.stderr
            assert b"Nothing has moved for 1 seconds" in client.stderr.read()
        until(lambda: not children(ssh.server, "upload-pack"))


def test_a_client_that_ignores_its_end_keeps_neither_git_nor_its_connection(tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": os.urandom(8 << 20)})
    with running(tmp_path / "s", SSH_IDLE_SECONDS="1") as ssh:
        ssh.server.cli("repo", "add", "alice/ignored", "--from", str(tmp_path / "w"))
        with raw(ssh, "git-upload-pack 'alice/ignored'") as client:
            assert client.stdout
            assert client.stdout.read(4)
            client.send_signal(signal.SIGSTOP)
            until(lambda: not children(ssh.server, "upload-pack"))
            until(lambda: _connections(ssh) == 0)
            client.kill()


def _connections(ssh: Ssh) -> int:
    """How many the server has on its SSH port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(row.split()[1].endswith(f":{ssh.port:04X}") and row.split()[3] == "01" for row in lines)


def test_the_server_stops_at_once_although_a_client_is_connected(tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "a"})
    with running(tmp_path / "s") as ssh:
        ok(ssh.git("push", ssh.url("alice/stopped"), "main", cwd=tmp_path / "w"))
        with raw(ssh, "git-upload-pack 'alice/stopped'") as client:
            assert client.stdout
            assert client.stdout.read(4)
            began = time.monotonic()
            assert ssh.server.stop() == 0
            assert time.monotonic() - began < 30
            assert client.stderr
            assert b"The server is stopping" in client.stderr.read()
            assert client.wait(60) != 0
    assert "Traceback" not in ssh.server.log


def test_a_stopped_client_does_not_hold_the_server_up(ssh: Ssh, tmp_path: Path) -> None:
    commit(tmp_path, {"a": os.urandom(8 << 20)})
    ok(ssh.git("push", ssh.url("alice/slow"), "main", cwd=tmp_path))
    process = subprocess.Popen(
        ["git", "clone", "-q", ssh.url("alice/slow"), str(tmp_path / "c")],
        env=ssh.environment(),
        start_new_session=True,
    )
    try:
        until(lambda: children(ssh.server, "upload-pack"))
        os.killpg(process.pid, signal.SIGSTOP)
        began = time.monotonic()
        ok(ssh.git("ls-remote", ssh.url("alice/slow")))
        assert time.monotonic() - began < 30
        os.killpg(process.pid, signal.SIGCONT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
