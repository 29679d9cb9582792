"""What the benches and the soak rely on: requests that are git's own, answers that are whole, and eyes for what goes wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from contrib.bench.author import Author, git
from contrib.bench.clones import asks
from contrib.bench.fetches import Reader, pack_of
from contrib.bench.histories import generate
from contrib.bench.raw_client import Connection, Request, clone
from contrib.bench.servers import Gitperch
from contrib.soak import leftovers
from contrib.soak.watch import FILES_GROWTH, report

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("history") / "source.git", commits=60, documents=20)


def test_what_git_asked_can_be_asked_again_and_is_answered_in_full(source: Path, tmp_path: Path) -> None:
    host = Gitperch(tmp_path / "data")
    with host:
        host.add("thing", source)
        requests = asks(host.url("thing"), tmp_path)
        with Connection(host.url("thing")) as connection:
            pack = pack_of([connection.ask(request) for request in requests][-1])
        assert clone(host.url("thing"), requests) > len(pack)
        empty = tmp_path / "empty.git"
        git(tmp_path, "init", "--quiet", "--bare", str(empty))
        git(empty, "index-pack", "--strict", "--stdin", stdin=pack)
        git(empty, "rev-list", "--objects", "--quiet", git(source, "rev-parse", "main"))

        author, reader = Author(tmp_path / "author.git", source), Reader(tmp_path / "reader.git", source)
        assert len(reader.asks(host.url("thing"))) == 2
        oid = author.commit()
        author.push(host.push_url("thing"))
        with Connection(host.url("thing")) as connection:
            answer = [connection.ask(request) for request in reader.asks(host.url("thing"))][-1]
        reader.take(pack_of(answer), author.branch, oid)
        reader.check()


def test_an_answer_that_ends_in_the_middle_is_no_clone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n000dpackfile\n2000\1PACK"
                )

        threading.Thread(target=serve).start()
        with pytest.raises(RuntimeError, match="in the middle"):
            clone(f"http://127.0.0.1:{listener.getsockname()[1]}/x.git", [Request("GET", "/")])


def test_generated_histories_with_files_are_the_same_every_time(source: Path, tmp_path: Path) -> None:
    again = generate(tmp_path / "again.git", commits=60, documents=20)
    assert git(again, "rev-parse", "main") == git(source, "rev-parse", "main")
    git(again, "fsck", "--full", "--strict")
    assert len(git(again, "ls-tree", "-r", "main").splitlines()) > 5


def test_the_soak_sees_what_is_left_behind(source: Path, tmp_path: Path) -> None:
    packs = tmp_path / "repositories" / "1.git" / "objects" / "pack"
    packs.mkdir(parents=True)
    (tmp_path / "server.lock").touch()
    assert leftovers.files(tmp_path) == []
    (packs / "tmp_pack_1").touch()
    (packs.parent / "incoming-abc").mkdir()
    (packs.parents[1] / "HEAD.lock").touch()
    assert len(leftovers.files(tmp_path)) == 3

    before = set(leftovers.children(os.getpid(), tmp_path))  # an engine of other tests, perhaps
    reading = ["git", "--git-dir", str(source), "cat-file", "--batch"]
    with subprocess.Popen(reading, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        more = set(leftovers.children(os.getpid(), tmp_path)) - before
        assert [line.split()[1] for line in more] == [str(process.pid)]


def test_the_soak_sees_growth_through_ups_and_downs() -> None:
    steady = [(float(at), 50e6 + 3e6 * (at % 5), 20 + at % 7) for at in range(100)]
    assert report(steady) == []
    leaking = [(at, memory, files + at * FILES_GROWTH / 50) for at, memory, files in steady]
    assert [complaint.split(" grew")[0] for complaint in report(leaking)] == ["open files"]
    growing = [(at, memory + at * 1e6, files) for at, memory, files in steady]
    assert [complaint.split(" grew")[0] for complaint in report(growing)] == ["resident memory"]
    assert "too short" in report(steady[:5])[0]
