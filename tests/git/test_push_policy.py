"""What the server says no to, before any ref moves: the pusher reads why, and nothing of the push stays."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.server import GIT_ENVIRONMENT, Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LIMIT = 1_000_000


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which a file may have a million bytes, a push three and a repository four."""
    server = Server(
        tmp_path_factory.mktemp("strict") / "data",
        settings={
            "GITPERCH_GIT_FILE_MAX_BYTES": str(LIMIT),
            "GITPERCH_GIT_PUSH_MAX_BYTES": str(3 * LIMIT),
            "GITPERCH_GIT_REPOSITORY_MAX_BYTES": str(4 * LIMIT),
        },
    )
    server.start()
    yield server
    server.stop()


def push(server: Server, work: Path, name: str, *refs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "push", server.remote(f"alice/{name}"), *(refs or ("main",))],
        cwd=work,
        env=GIT_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def stored(server: Server) -> dict[str, set[str]]:
    """Every object in every repository, by the repository's folder."""
    found = {}
    for path in (server.data / "repositories").iterdir():
        listed = git("--git-dir", str(path), "cat-file", "--batch-all-objects", "--batch-check", cwd=server.data)
        found[path.name] = set(listed.stdout.splitlines())
        assert not list((path / "objects").glob("*incoming*")), "the quarantine is gone"
    return found


@pytest.mark.parametrize("count", [1, 150], ids=["a few objects", "a pack"])
def test_a_file_that_is_too_large_is_named_with_its_size_and_what_to_do(
    strict: Server, tmp_path: Path, count: int
) -> None:
    name = f"film{count}"
    commit(tmp_path / "work", {"index.html": "<h1>one</h1>"}, "One")
    assert push(strict, tmp_path / "work", name).returncode == 0
    before = stored(strict)
    files: dict[str, str | bytes] = {f"pages/{number}.txt": f"page {number}\n" for number in range(count)}
    commit(tmp_path / "work", {**files, "media/a film.mov": b"\0" * (LIMIT + 1)}, "Film")
    git("rm", "-q", "media/a film.mov", cwd=tmp_path / "work")
    git("commit", "-qm", "Taken out, but still in the history", cwd=tmp_path / "work")
    done = push(strict, tmp_path / "work", name)
    assert done.returncode == 1
    assert "remote: media/a film.mov is 1.0 MB, and a file here may have 1.0 MB." in done.stderr
    assert "git lfs migrate import" in done.stderr
    assert "pre-receive hook declined" in done.stderr
    assert stored(strict) == before


def test_a_file_of_exactly_the_limit_may_come(strict: Server, tmp_path: Path) -> None:
    commit(tmp_path / "work", {"zeros": b"\0" * LIMIT}, "Zeros")
    assert push(strict, tmp_path / "work", "zeros").returncode == 0


def test_of_a_push_that_is_too_large_the_pusher_reads_that_it_is(strict: Server, tmp_path: Path) -> None:
    commit(tmp_path / "work", {"index.html": "<h1>one</h1>"}, "One")
    assert push(strict, tmp_path / "work", "noise").returncode == 0
    before = stored(strict)
    chance = random.Random(7)
    commit(tmp_path / "work", {f"{n}.bin": chance.randbytes(900_000) for n in range(30)}, "Noise")
    done = push(strict, tmp_path / "work", "noise")
    assert done.returncode != 0
    assert "remote: fatal: pack exceeds maximum allowed size" in done.stderr
    assert stored(strict) == before


def test_what_fsck_finds_reaches_the_pusher_in_its_own_words(strict: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"index.html": "<h1>one</h1>"}, "One")
    assert push(strict, work, "broken").returncode == 0
    before = stored(strict)
    tree = git("rev-parse", "main^{tree}", cwd=work).stdout.strip()
    bad = f"tree {tree}\nauthor Nobody <a@b> not-a-date\ncommitter Nobody <a@b> 1700000000 +0000\n\nBad\n"
    oid = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin"],
        cwd=work,
        env=GIT_ENVIRONMENT,
        input=bad,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    git("update-ref", "refs/heads/bad", oid, cwd=work)
    done = push(strict, work, "broken", "bad")
    assert done.returncode == 1
    assert f"remote: error: object {oid}: badDate" in done.stderr, done.stderr
    assert stored(strict) == before


def test_a_repository_that_is_full_takes_no_more_but_lets_go(strict: Server, tmp_path: Path) -> None:
    chance, work = random.Random(8), tmp_path / "work"
    for branch in ("main", "two"):
        git("switch", "-qc", branch, cwd=work) if branch == "two" else git("init", "-qb", branch, str(work))
        commit(work, {f"{branch}{number}.bin": chance.randbytes(900_000) for number in range(2)}, branch)
        assert push(strict, work, "full", branch).returncode == 0
    before = stored(strict)
    commit(work, {"more.bin": chance.randbytes(900_000)}, "More")
    done = push(strict, work, "full", "two")
    assert "remote: alice/full would hold 4.5 MB with this, and may hold 4.0 MB." in done.stderr
    assert stored(strict) == before
    assert push(strict, work, "full", ":two").returncode == 0
