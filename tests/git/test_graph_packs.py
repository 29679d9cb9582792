"""Commits are read out of large packs as git has them; what is odd there is left to libgit2."""

from __future__ import annotations

import random
import subprocess
from subprocess import PIPE
from typing import TYPE_CHECKING

import pygit2
import pytest
from contrib.bench.histories import generate

from gitperch_graph import build, packs, windows
from gitperch_graph.objects import PackedReader, batch, reader
from gitperch_graph.packs import Packs
from gitperch_graph.row_index import RowIndex
from support.graph_client import Client
from support.house import House, Test, runner
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def git_has(path: Path) -> dict[str, bytes]:
    """Every commit, raw."""
    oids = git("rev-list", "--all", cwd=path).stdout
    said = subprocess.run(["git", "cat-file", "--batch"], cwd=path, input=oids.encode(), stdout=PIPE, check=True)
    return {oid: data for oid, _, data in batch(said.stdout)}


def with_long_messages(path: Path) -> None:
    """Commits so alike that git packs most of them as deltas, some of them too long for one read."""
    libgit, dice = pygit2.Repository(str(path)), random.Random(1)
    tip = str(libgit.references["refs/heads/main"].target)
    words = [dice.randbytes(6).hex() for _ in range(400)]
    for number in range(60):
        words[dice.randrange(len(words))] = dice.randbytes(6).hex()
        text = " ".join(words[: 400 if number % 2 else 60])
        person = pygit2.Signature("Ada", "ada@example.com", 1_800_000_000 + number, 0)
        tree = libgit[tip].peel(pygit2.Tree).id
        tip = str(libgit.create_commit("refs/heads/main", person, person, f"{number}\n\n{text}", tree, [tip]))


def packed(folder: Path, depth: int = 50) -> Path:
    path = generate(folder / "it.git", commits=300, branches=4, seed=3)
    with_long_messages(path)
    done = git("repack", "-a", "-d", "-f", f"--depth={depth}", "--window=50", "-q", cwd=path)
    assert done.returncode == 0, done.stderr
    return path


def test_every_commit_is_read_as_git_has_it(tmp_path: Path) -> None:
    path = packed(tmp_path)
    known = git_has(path)
    verified = git("verify-pack", "--verbose", *map(str, (path / "objects/pack").glob("*.idx")), cwd=path).stdout
    deltas = [line for line in verified.splitlines() if " commit " in line and len(line.split()) == 7]
    assert len(deltas) > 20
    there = Packs.at(path)
    assert there
    assert there.commits(list(known)) == known
    tree = git("rev-parse", "main^{tree}", cwd=path).stdout.strip()
    assert there.commits([tree, "0" * 40]) == {}


def test_windows_are_the_same_whoever_reads(tmp_path: Path) -> None:
    """Also where the newest commits lie beside the pack, or in another one."""
    path = packed(tmp_path)
    libgit = pygit2.Repository(str(path))
    there = Packs.at(path)
    assert there
    with_long_messages(path)  # loose
    build.build(path, tmp_path / "it.rows")
    index = RowIndex.open(tmp_path / "it.rows", path)
    for at in (0, 30, 100, index.total - 50):
        mine = windows.window(index, windows.Place(at), 80, PackedReader(libgit, there))
        assert mine == windows.window(index, windows.Place(at), 80, reader(libgit))
    assert there.is_current
    assert git("repack", "-q", cwd=path).returncode == 0
    assert not there.is_current


@pytest.mark.parametrize("seed", range(5))
def test_a_commit_that_is_damaged_is_not_shown(tmp_path: Path, seed: int) -> None:
    path = packed(tmp_path, depth=0)
    known, dice = git_has(path), random.Random(seed)
    (file,) = (path / "objects" / "pack").glob("*.pack")
    data = bytearray(file.read_bytes())
    for _ in range(40):
        data[dice.randrange(12, len(data))] ^= 1 << dice.randrange(8)
    file.chmod(0o600)
    file.write_bytes(data)
    there = Packs.at(path)
    assert there
    found = [there.commits([oid]) for oid in known]
    assert 0 < sum(map(len, found)) < len(known)
    assert all(known[oid] == data for each in found for oid, data in each.items())


@pytest.mark.parametrize("suffix", [".idx", ".pack"])
def test_what_is_cut_short_is_left_to_libgit2(tmp_path: Path, suffix: str) -> None:
    path = packed(tmp_path)
    known = git_has(path)
    (file,) = (path / "objects" / "pack").glob(f"*{suffix}")
    for length in (0, 500, 2000):
        file.chmod(0o600)
        file.write_bytes(file.read_bytes()[:length])
        there = Packs.at(path)
        found = there.commits(list(known)) if there else {}
        assert all(known[oid] == data for oid, data in found.items())


def test_over_http_a_large_repository_is_read_so(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = packed(tmp_path)

    async def story(it: House) -> None:
        client = await Client.of(it, source)
        expected = (await client.graph("?at=3&rows=100"))["rows"]
        monkeypatch.setattr(packs, "LARGE", 0)
        asked: list[int] = []
        usual = Packs.commits

        def heard(self: Packs, oids: list[str]) -> dict[str, bytes]:
            asked.append(len(oids))
            return usual(self, oids)

        monkeypatch.setattr(Packs, "commits", heard)
        other = await Client.of(it, source, name="other")
        assert (await other.graph("?at=3&rows=100"))["rows"] == expected
        assert 100 in asked

    run(story)
