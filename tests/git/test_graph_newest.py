"""The newest rows of a large history are shown before its index is there, as they will be in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from gitperch_graph import apart, build, small, store
from gitperch_graph import newest as newest_rows
from gitperch_graph.long_build import LongBuild
from gitperch_graph.newest import newest
from gitperch_graph.row_index import RowIndex
from support.graph import check, check_lanes, facts, window
from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.graph import Row


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def with_parents_here(rows: list[Row]) -> list[Row]:
    """With -1 for each parent beyond the last of the rows."""
    return [{**row, "parents": [to if to < len(rows) else -1 for to in row["parents"]]} for row in rows]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_they_are_those_of_the_index_to_come(tmp_path: Path, seed: int, object_format: str) -> None:
    path = generate(tmp_path / "it.git", commits=1500, branches=seed * 25, seed=seed, object_format=object_format)
    if seed % 2:  # the default branch begins far down
        assert git("branch", "-f", "main", "main~150", cwd=path).returncode == 0
    build.build(path, tmp_path / "index.rows")
    true = RowIndex.open(tmp_path / "index.rows", path)
    found, count = newest(path, {"PATH": "/usr/bin:/bin"})
    assert count == newest_rows.ROWS
    shown, wanted = window(found, 0, count), window(true, 0, count)
    assert with_parents_here(shown["rows"]) == with_parents_here(wanted["rows"])
    assert shown["passing"] == []
    assert shown["refs_total"] == wanted["refs_total"]


@pytest.mark.parametrize("seed", range(6))
def test_where_clocks_ran_wrong_children_are_above_parents_all_the_same(tmp_path: Path, seed: int) -> None:
    path = generate(tmp_path / "it.git", commits=900, branches=20, seed=seed, wild=True)
    known = facts(path)
    found, count = newest(path, {"PATH": "/usr/bin:/bin"})
    rows = window(found, 0, found.total)["rows"]
    for row in rows[:count]:
        assert [rows[parent]["oid"] for parent in row["parents"]] == known.parents[row["oid"]]
        assert all(parent > row["row"] for parent in row["parents"])
    check_lanes(rows)


@pytest.mark.parametrize("commits", [0, 1, 7])
def test_a_short_history_is_shown_whole(tmp_path: Path, commits: int) -> None:
    path = generate(tmp_path / "it.git", commits=commits, branches=0)
    found, count = newest(path, {"PATH": "/usr/bin:/bin"})
    assert (count, found.total) == (commits, commits)
    check(window(found, 0, count), facts(path))


def test_a_page_has_them_at_once_and_then_the_true_ones(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=3500, branches=30, seed=3)
    go_on = asyncio.Event()
    really = apart.build

    async def slow(*arguments: Any) -> None:
        arguments[3](0.25, 3500)
        await go_on.wait()
        await really(*arguments)

    async def test(it: House) -> None:
        monkeypatch.setattr(apart, "build", slow)
        monkeypatch.setattr(store, "PATIENCE", 30.0)  # nobody waits for that
        news = News(it)
        client = await Client.of(it, source)
        early: dict[str, Any] = {}
        while early.get("doing") != "layout" or not early["commits"]:
            answer = await client.answer("?rows=150")
            early = answer.json()
            assert (answer.status, len(early["rows"])) == (202, 150)
        assert (early["building"], early["doing"], early["commits"], early["total"]) == (True, "layout", 3500, 200)
        assert 0.25 <= early["progress"] < 1
        go_on.set()
        await news.next()
        graph = await client.graph("?rows=150")
        assert with_parents_here(early["rows"]) == with_parents_here(graph["rows"])
        assert (early["head"], early["refs_total"]) == (graph["head"], graph["refs_total"])

    monkeypatch.setattr(small, "MOST", 100)
    run(test)


def test_what_git_says_of_its_progress_is_told(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=3000, branches=3)

    async def test(it: House) -> None:
        repo = await it.repository()
        assert git("fetch", "--quiet", str(source), "+refs/*:refs/*", cwd=repo.path).returncode == 0
        long = LongBuild(repo.path, it.host.git.environment)
        told: list[tuple[float, int, bool]] = []

        def hear(line: str) -> None:
            long.reading(line)
            told.append((long.progress, long.commits, long.is_reading))

        await it.host.upkeep.commit_graph(repo, hear)
        assert told[-1][1] == 3000
        assert told == sorted(told), "it only grows"
        assert told[-1][0] > 0.5
        long.laying_out(0.0, 3000)
        assert told[-1][0] <= long.progress < 1
        assert not long.is_reading
        long.laying_out(1.0, 3000)
        assert long.progress == 1.0

    run(test)
