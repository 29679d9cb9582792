"""Clients that want more than their share: of memory, of processes, of the server's attention."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gitperch.assembly import assembled
from gitperch.config import load
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.events import RefsUpdated
    from support.server import Answer, Server

ZERO = "0" * 40
MANY = 20_000
_HEADER = struct.pack(">4sII", b"PACK", 2, 0)
EMPTY_PACK = _HEADER + hashlib.sha1(_HEADER, usedforsecurity=False).digest()


def push(server: Server, name: str, oid: str, refs: int) -> Answer:
    """Create so many branches at `oid`, which is there already. The real git would think about each for milliseconds."""
    lines = [f"{ZERO} {oid} refs/heads/{'x' * 20}{number}" for number in range(refs)]
    lines[0] += "\0 report-status side-band-64k"
    body = "".join(f"{len(line) + 4:04x}{line}" for line in lines).encode() + b"0000" + EMPTY_PACK
    kind = {"Content-Type": "application/x-git-receive-pack-request"}
    return server.request("POST", f"/{name}.git/git-receive-pack", user=server.admin, headers=kind, body=body)


def held_up(server: Server, url: str) -> bool:
    """Whether a small request had to wait for most of the time that it took to answer `url`, if that was long."""
    waits, done = [], threading.Event()

    def watch() -> None:
        while not done.is_set():
            started = time.monotonic()
            server.get("/healthz")
            waits.append(time.monotonic() - started)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        assert server.get(url, user=server.admin).status == 200
    finally:
        took = time.monotonic() - began
        done.set()
        watcher.join()
    return max(waits) > max(0.25, 0.6 * took)


@pytest.fixture(scope="module")
def oid(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A commit of alice/many, which has 20,000 branches, each in a file of its own."""
    work = tmp_path_factory.mktemp("w") / "w"
    oid = commit(work, {"index.html": "hello"})
    server.cli("repo", "add", "alice/many", "--from", str(work))
    answer = push(server, "alice/many", oid, MANY)
    assert b"unpack ok" in answer.body
    assert b"\nng " not in answer.body
    return oid


def test_a_push_of_a_few_refs_too_many_gets_a_sentence(server: Server, oid: str) -> None:
    answer = push(server, "alice/many", oid, MANY + 1)
    assert b"at most 20000 can move at once" in answer.body


def test_a_push_of_endless_commands_is_cut_off(server: Server, oid: str) -> None:
    """git and the server would keep all of them in memory, two gigabytes at most."""
    with contextlib.suppress(OSError):  # hung up while the rest was still on its way
        assert push(server, "alice/many", oid, 400_000).status == 413
    assert server.get("/healthz").status == 200


@pytest.mark.parametrize("page", ["settings", "branches", "tags", "tree/main"])
def test_a_repository_of_many_refs_does_not_hold_up_others(server: Server, oid: str, page: str) -> None:
    assert not all(held_up(server, f"/alice/many/{page}") for _ in range(3))


def test_slow_downloads_of_large_files_hold_a_bounded_number_of_processes(own_server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"large": b"\0\1\2\3" * (4 << 20)})
    own_server.cli("repo", "add", "alice/files", "--public", "--from", str(tmp_path / "w"))
    request = f"GET /alice/files/raw/main/large HTTP/1.1\r\nHost: localhost:{own_server.port}\r\n\r\n".encode()
    sockets = [socket.create_connection(("127.0.0.1", own_server.port)) for _ in range(30)]
    try:
        for stalled in sockets:
            stalled.sendall(request)
        time.sleep(1.5)
        assert own_server.process
        children = subprocess.run(
            ["ps", "--ppid", str(own_server.process.pid), "-o", "pid="], capture_output=True, text=True, check=False
        )
        assert len(children.stdout.split()) <= 12  # `git.children`
        assert own_server.get("/alice/files", user="alice").status == 200
    finally:
        for stalled in sockets:
            stalled.close()


def test_a_large_file_comes_whole(own_server: Server, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    commit(tmp_path / "w", {"large": content})
    own_server.cli("repo", "add", "alice/files", "--from", str(tmp_path / "w"))
    answer = own_server.get("/alice/files/raw/main/large", user="alice")
    assert (answer.status, answer.body == content) == (200, True)


def test_a_form_that_never_ends_leaves_no_trace_in_the_log(own_server: Server) -> None:
    head = f"POST /signin HTTP/1.1\r\nHost: localhost:{own_server.port}\r\nContent-Length: 99\r\n"
    with socket.create_connection(("127.0.0.1", own_server.port)) as client:
        client.sendall((head + "Content-Type: application/x-www-form-urlencoded\r\n\r\nname=").encode())
        time.sleep(0.3)
    time.sleep(0.3)
    assert "Traceback" not in own_server.log


def test_two_first_pushes_at_once_make_one_repository_with_both(own_server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "1"})
    for number in range(8):
        git("branch", f"b{number}", cwd=tmp_path / "w")

    def one(number: int) -> int:
        return git("push", own_server.remote("alice/new"), f"b{number}", cwd=tmp_path / "w").returncode

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == [0] * 8
    listed = git("ls-remote", "--heads", own_server.remote("alice/new")).stdout
    assert listed.count("refs/heads/b") == 8
    assert "Traceback" not in own_server.log


def test_a_repository_that_is_deleted_while_it_is_pushed_to_is_gone_without_an_error(own_server: Server) -> None:
    async def scene() -> RefsUpdated | None:
        async with assembled(load({"data": own_server.data}, {})) as host:
            alice = await host.people.find("alice")
            assert alice
            repo = await host.repositories.create(alice, "gone")
            async with host.db.write() as tx:
                await tx.execute("DELETE FROM repositories WHERE id = ?", (repo.id,))
            (repo.path / "refs/heads/main").write_text("1" * 40)  # as a push does that began before
            return await host.refs.observe(repo, ["refs/heads/main"], source="push")

    assert asyncio.run(scene()) is None


def test_twenty_clones_at_once_right_after_a_push(own_server: Server, tmp_path: Path) -> None:
    commit(tmp_path / "w", {"a": "1"})
    git("push", own_server.remote("alice/new"), "main", cwd=tmp_path / "w")
    with ThreadPoolExecutor(20) as pool:
        clones = list(
            pool.map(lambda n: git("clone", own_server.remote("alice/new"), str(tmp_path / f"c{n}")), range(20))
        )
    assert [clone.returncode for clone in clones] == [0] * 20
    assert {git("rev-parse", "HEAD", cwd=tmp_path / f"c{n}").stdout for n in range(20)} == {
        git("rev-parse", "main", cwd=tmp_path / "w").stdout
    }
