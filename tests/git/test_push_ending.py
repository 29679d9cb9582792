"""The end of a push: what the pusher is told, and in which band, is put into git's own answer before its last packet."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from gitperch.transport.commands import parsed
from gitperch.transport.hooks_pipe import Command
from gitperch.transport.packets import packet, split
from support.server import GIT_ENVIRONMENT, Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path

TYPE = {"Content-Type": "application/x-git-receive-pack-request"}
ZERO, ONE, TWO = "0" * 40, "1" * 40, "2" * 40


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("w") / "w"
    commit(work, {"a": "a"})
    return work


def push(server: Server, work: Path, name: str, capabilities: str) -> bytes:
    """git's answer to a push of a new branch, made by hand."""
    oid = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    packing = ["git", "pack-objects", "--stdout", "--revs", "-q"]
    pack = subprocess.run(
        packing, cwd=work, input=f"{oid}\n".encode(), env=GIT_ENVIRONMENT, capture_output=True, check=True
    )
    command = packet(f"{ZERO} {oid} refs/heads/{name}\0 {capabilities}".encode())
    path = "/alice/ending.git/git-receive-pack"
    answer = server.request("POST", path, user="alice", headers=TYPE, body=command + b"0000" + pack.stdout)
    assert answer.status == 200
    return answer.body


def test_lines_for_the_pusher_come_in_the_second_band_before_the_end(server: Server, work: Path) -> None:
    packets = split(push(server, work, "banded", "report-status side-band-64k"))
    assert packets
    assert packets[-1] == b"0000"
    assert packets[0][:1] == b"\x01"
    assert packets[1][:1] == b"\x02"
    assert b"\nGraph    " in packets[1]


@pytest.mark.parametrize("capability", ["", "report-status"])
def test_a_client_without_side_band_reads_what_git_says_and_nothing_else(
    server: Server, work: Path, capability: str
) -> None:
    """`side-band` alone is nothing that git's receive-pack knows."""
    report = packet(b"unpack ok\n") + packet(b"ok refs/heads/plain%s\n" % capability.encode()) + b"0000"
    assert push(server, work, f"plain{capability}", f"{capability} side-band") == (report if capability else b"")
    assert f"plain{capability}" in server.get("/alice/ending/branches", user="alice").text


def test_a_refused_push_is_not_told_where_its_graph_is(server: Server, work: Path) -> None:
    done = git("push", server.remote("alice/ending"), "HEAD:refs/gitperch/mine", cwd=work)
    assert done.returncode != 0
    assert "the server's own" in done.stderr
    assert "Graph" not in done.stderr


def test_commands_are_read_as_git_sends_them_and_left_to_git_where_they_are_signed() -> None:
    lines = [
        f"{ZERO} {ONE} refs/heads/a\0 report-status atomic\n".encode(),
        f"{ONE} {TWO} refs/heads/b c\n".encode(),
        b"",
    ]
    assert parsed(lines) == (
        frozenset((b"report-status", b"atomic")),
        [Command(ZERO, ONE, "refs/heads/a"), Command(ONE, TWO, "refs/heads/b c")],
    )
    shallow = [f"shallow {ONE}".encode(), f"{ONE} {TWO} refs/heads/\u00fc\0side-band-64k".encode(), b""]
    assert parsed(shallow) == (frozenset((b"side-band-64k",)), [Command(ONE, TWO, "refs/heads/\u00fc")])
    assert parsed([b"push-cert\0 report-status side-band-64k\n", b"certificate version 0.1\n"])[1] is None
    assert parsed([]) == (frozenset(), [])
