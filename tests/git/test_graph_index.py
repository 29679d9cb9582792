"""The index of a repository shows what git says, whatever the history and whichever way it was read."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph import build, sections
from gitperch_graph.commit_graph import CommitGraph, CommitGraphError
from gitperch_graph.repository import HistoryUnreadable
from gitperch_graph.row_index import RowIndex
from gitperch_graph.sections import IndexDamaged, IndexUnusable
from support.graph import check, check_windows, facts, whole, window
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path


def built(repository: Path, tmp_path: Path) -> RowIndex:
    build.build(repository, tmp_path / "index.rows")
    return RowIndex.open(tmp_path / "index.rows", repository)


def write_commit_graph(repository: Path, *options: str, version: int = 2) -> None:
    done = git("-c", f"commitGraph.generationVersion={version}", "commit-graph", "write", *options, cwd=repository)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history with all that git allows; copy it to change it."""
    return generate(tmp_path_factory.mktemp("wild") / "wild.git", commits=1500, branches=60, seed=5, wild=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_wild", [False, True], ids=["everyday", "wild"])
def test_every_commit_and_every_edge_once_and_none_across_another(tmp_path: Path, seed: int, is_wild: bool) -> None:
    path = generate(tmp_path / "it.git", commits=900, branches=25, seed=seed, wild=is_wild)
    check(whole(built(path, tmp_path)), facts(path))


def test_a_history_of_2000_branches(tmp_path: Path) -> None:
    path = generate(tmp_path / "it.git", commits=5000, branches=2000, seed=1, wild=True)
    index = built(path, tmp_path)
    check(whole(index), facts(path))
    check_windows(index, [0, 700, 4990], 200)


def test_a_window_is_a_slice_of_the_whole(tmp_path: Path) -> None:
    path = generate(tmp_path / "it.git", commits=3300, branches=30, seed=9, wild=True)
    index = built(path, tmp_path)
    total = index.total
    assert index.base
    edges = [index.floor, *(mark * index.base.stride for mark in range(9))]
    around_marks = [total - height + shift for height in edges for shift in (-2, -1, 0, 1)]
    check_windows(index, [at for at in {*around_marks, *range(0, total, 83), total + 5} if at >= 0], 150)


@pytest.mark.parametrize("version", [1, 2])
def test_the_same_index_from_a_commit_graph_file_as_without(wild: Path, tmp_path: Path, version: int) -> None:
    repository = shutil.copytree(wild, tmp_path / "it.git")
    without = built(repository, tmp_path)
    write_commit_graph(repository, "--reachable", version=version)
    found = CommitGraph.open(repository)
    assert found
    assert found.count >= without.total
    assert built(repository, tmp_path).generation == without.generation


def test_the_same_index_from_split_layers_as_without(wild: Path, tmp_path: Path) -> None:
    repository = shutil.copytree(wild, tmp_path / "it.git")
    without = built(repository, tmp_path)
    oids = facts(repository).order
    for oid in (oids[1200], oids[500], oids[499], oids[0]):
        done = git("update-ref", "refs/heads/only", oid, cwd=repository)
        assert done.returncode == 0
        write_commit_graph(repository, "--reachable" if oid == oids[0] else "--append", "--split=no-merge")
    assert git("update-ref", "-d", "refs/heads/only", cwd=repository).returncode == 0
    assert built(repository, tmp_path).generation == without.generation


def test_a_commit_graph_file_that_lags_behind_hides_nothing(tmp_path: Path) -> None:
    repository = generate(tmp_path / "it.git", commits=300, branches=3)
    write_commit_graph(repository, "--reachable")
    tree = git("rev-parse", "main^{tree}", cwd=repository).stdout.strip()
    new = git("commit-tree", tree, "-p", "main", "-m", "newer than the file", cwd=repository).stdout.strip()
    assert git("update-ref", "refs/heads/main", new, cwd=repository).returncode == 0
    check(whole(built(repository, tmp_path)), facts(repository))


@pytest.mark.parametrize("cut", [0, 3, 20, 100, 5000, -1])
def test_a_truncated_commit_graph_file_is_not_believed(wild: Path, tmp_path: Path, cut: int) -> None:
    repository = shutil.copytree(wild, tmp_path / "it.git")
    without = built(repository, tmp_path)
    write_commit_graph(repository, "--reachable")
    file = repository / "objects" / "info" / "commit-graph"
    data = file.read_bytes()
    file.unlink()
    file.write_bytes(data[:cut])
    with pytest.raises(CommitGraphError):
        CommitGraph.open(repository)
    assert built(repository, tmp_path).generation == without.generation


def test_sha256(tmp_path: Path) -> None:
    repository = generate(tmp_path / "it.git", commits=400, branches=8, wild=True, object_format="sha256")
    without = built(repository, tmp_path)
    check(whole(without), facts(repository))
    write_commit_graph(repository, "--reachable")
    assert built(repository, tmp_path).generation == without.generation


def test_an_empty_repository(tmp_path: Path) -> None:
    repository = generate(tmp_path / "it.git", commits=0)
    index = built(repository, tmp_path)
    assert (index.total, whole(index)["rows"], whole(index)["passing"]) == (0, [], [])
    assert index.head == "refs/heads/main"


def test_a_shallow_history_ends_in_parents_that_are_not_here(tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=200, branches=0)
    done = git("clone", "--quiet", "--bare", "--depth=5", f"file://{source}", str(tmp_path / "it.git"))
    assert done.returncode == 0, done.stderr
    repository = tmp_path / "it.git"
    graph = whole(built(repository, tmp_path))
    boundary = set((repository / "shallow").read_text().split())
    truth = facts(source)
    here = facts(repository)
    assert [row["oid"] for row in graph["rows"]] == here.order
    assert boundary
    for row in graph["rows"]:
        if row["oid"] in boundary:
            assert row["parents"] == [-1] * len(truth.parents[row["oid"]])
        else:
            assert -1 not in row["parents"]


def test_replacements_are_followed_as_git_does(tmp_path: Path) -> None:
    repository = generate(tmp_path / "it.git", commits=200, branches=2)
    write_commit_graph(repository, "--reachable")
    old = facts(repository).chain[40]
    assert git("replace", "--graft", old, cwd=repository, GIT_DIR=str(repository)).returncode == 0
    index = built(repository, tmp_path)
    assert index.special
    known = facts(repository)
    assert known.parents[old] == []
    check(whole(index), known)


def test_pull_refs_and_other_hidden_kinds_are_left_out(wild: Path, tmp_path: Path) -> None:
    index = built(wild, tmp_path)
    hidden = git("rev-parse", "refs/pull/1/head", cwd=wild).stdout.strip()
    assert hidden
    assert not index.find(hidden)
    assert all(ref.name.startswith(("refs/heads/", "refs/tags/")) for ref in index.refs)


def test_tags_of_tags_are_at_their_commit_and_tags_of_blobs_nowhere(wild: Path, tmp_path: Path) -> None:
    index = built(wild, tmp_path)
    at = {ref.name: ref.height for ref in index.refs}
    tip = git("rev-parse", "main", cwd=wild).stdout.strip()
    for name in ("refs/tags/tagged-twice", "refs/tags/tagged-twice-below", "refs/tags/light", "refs/heads/main"):
        assert index.oid(at[name]) == tip
    assert at["refs/tags/of-a-blob"] == -1


def test_a_detached_head(wild: Path, tmp_path: Path) -> None:
    repository = shutil.copytree(wild, tmp_path / "it.git")
    oid = facts(repository).chain[100]
    (repository / "HEAD").write_text(oid + "\n")
    index = built(repository, tmp_path)
    assert index.head == "HEAD"
    check(whole(index), facts(repository))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "empty", "other version", "gone"])
def test_a_damaged_index_is_never_shown(tmp_path: Path, damage: str) -> None:
    repository = generate(tmp_path / "it.git", commits=300, branches=3)
    built(repository, tmp_path)
    file = tmp_path / "index.rows"
    data = bytearray(file.read_bytes())
    if damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "truncated":
        del data[-7:]
    elif damage == "foreign":
        data[:] = b"SQLite format 3\0" * 100
    elif damage == "empty":
        data.clear()
    elif damage == "other version":
        data[8] += 1
    file.write_bytes(data)
    if damage == "gone":
        file.unlink()
    with pytest.raises(IndexUnusable):
        RowIndex.open(file, repository)


def test_a_generation_stands_for_one_answer(tmp_path: Path) -> None:
    repository = generate(tmp_path / "it.git", commits=300, branches=3)
    first = built(repository, tmp_path).generation
    assert built(repository, tmp_path).generation == first
    assert git("branch", "another", "main~3", cwd=repository).returncode == 0
    second = built(repository, tmp_path).generation
    assert git("branch", "-M", "another", "renamed", cwd=repository).returncode == 0
    third = built(repository, tmp_path).generation
    assert git("symbolic-ref", "HEAD", "refs/heads/renamed", cwd=repository).returncode == 0
    assert len({first, second, third, built(repository, tmp_path).generation}) == 4


def test_a_history_that_git_cannot_read_raises(tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=50, branches=0)
    repository = tmp_path / "it.git"
    assert git("init", "--quiet", "--bare", str(repository)).returncode == 0
    tip = git("cat-file", "commit", "main", cwd=source).stdout
    (tmp_path / "commit").write_text(tip)
    oid = git(
        "hash-object", "--literally", "-t", "commit", "-w", str(tmp_path / "commit"), cwd=repository
    ).stdout.strip()
    (repository / "refs" / "heads" / "main").write_text(oid + "\n")
    with pytest.raises(HistoryUnreadable):
        built(repository, tmp_path)


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository and its index, of many blocks."""
    monkeypatch.setattr(sections, "_SHIFT", 10)
    monkeypatch.setattr(sections, "BLOCK", 1 << 10)
    folder = tmp_path / "long"
    folder.mkdir()
    path = generate(folder / "it.git", commits=6000, branches=40, seed=3, wild=True)
    write_commit_graph(path, "--reachable")
    build.build(path, folder / "index.rows")
    return folder


def test_in_a_hurry_damage_shows_when_it_is_looked_at_and_nothing_wrong_is_given(long: Path, tmp_path: Path) -> None:
    right = RowIndex.open(long / "index.rows", long / "it.git")
    data = (long / "index.rows").read_bytes()
    places = range(0, right.total, 500)
    true = {at: window(right, at, 100) for at in places}
    shown = refused = 0
    for nth in range(60):
        damaged = bytearray(data)
        damaged[len(data) * nth // 60 + 5] ^= 0x10
        (tmp_path / "index.rows").write_bytes(damaged)
        try:
            index = RowIndex.open(tmp_path / "index.rows", long / "it.git", hurried=True)
        except IndexUnusable:
            refused += 1
            continue
        assert not index.is_damaged
        for at in places:
            try:
                assert window(index, at, 100) == true[at]
                shown += 1
            except IndexDamaged:
                refused += 1
                assert index.is_damaged
        with pytest.raises(IndexDamaged):
            index.check()
        assert index.is_damaged
    assert shown > 50
    assert refused > 50


@pytest.mark.parametrize("cut", [1, 1000, 100_000])
def test_in_a_hurry_a_truncated_index_is_not_opened_either(long: Path, tmp_path: Path, cut: int) -> None:
    (tmp_path / "index.rows").write_bytes((long / "index.rows").read_bytes()[:-cut])
    with pytest.raises(IndexUnusable):
        RowIndex.open(tmp_path / "index.rows", long / "it.git", hurried=True)
