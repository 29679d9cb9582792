"""An index is made anew while nobody pushes: git has replaced what it stands on, or its file was damaged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@pytest.mark.parametrize("how", [["--split=replace"], []], ids=["layers", "one file"])
def test_a_view_is_drawn_after_git_has_replaced_its_commit_graph(
    run: Callable[[Test], None], tmp_path: Path, how: list[str]
) -> None:
    source = generate(tmp_path / "source.git", commits=3200, branches=3)  # more than are kept in memory

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        before = await client.graph()
        done = git("commit-graph", "write", "--reachable", "--changed-paths", *how, cwd=client.repo.path)
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(20):
            while (answer := await client.answer("?merges=0&rows=1000")).status == 202:  # noqa: ASYNC110 -- as a browser asks
                await asyncio.sleep(0.05)
        assert answer.status == 200, answer.text
        assert all(len(row["parents"]) < 2 or row.get("skipped") for row in answer.json()["rows"])
        after = await client.graph()
        assert (after["generation"], after["rows"]) == (before["generation"], before["rows"])

    run(test)


def test_news_say_of_which_generation_they_are_news(run: Callable[[Test], None], tmp_path: Path) -> None:
    """A page that holds another one, because nobody told it that the index was lost, sees that it has to ask."""

    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        for number in range(3):
            commit(work, {"a": str(number)})
            await client.push(work, "HEAD:main")
            event = await news.next()
        held = await client.graph()
        assert event.generation == held["generation"]
        plugin: Any = it.host.plugins.by_name["graph"]
        plugin.graphs._open.clear()
        for file in (it.host.config.data / "plugins" / "graph").iterdir():
            file.unlink()
        anew = await client.graph()
        assert anew["generation"] != held["generation"]
        commit(work, {"a": "another"})
        await client.push(work, "HEAD:main")
        event = await news.next()
        assert (event.added, event.before) == (1, anew["generation"])

    run(test)


def test_refs_that_have_moved_by_the_thousand_change_nothing_else(run: Callable[[Test], None], tmp_path: Path) -> None:
    """They are put into a table once they are many: nobody who looks on notices."""

    async def test(it: House) -> None:
        client, work = await Client.of(it), tmp_path / "work"
        for number in range(3):
            commit(work, {"a": str(number)})
            await client.push(work, "HEAD:main")
        await client.push(work, *(f"HEAD:refs/tags/{number}" for number in range(2100)))
        plugin: Any = it.host.plugins.by_name["graph"]
        before = await client.graph()
        while before["refs_total"] < 2101:
            await asyncio.sleep(0.05)
            before = await client.graph()
        await plugin.graphs.settle(client.repo)
        assert len(plugin.graphs._open[client.repo.id].refs.moved) < 2100
        assert await client.graph("?rows=199") == before
        assert await client.graph("?at=refs/tags/7&rows=200") == before | {"focus": 0}

    run(test)


def test_a_shallow_history_that_was_deepened_while_nobody_ran_is_shown_so(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    source = generate(tmp_path / "source.git", commits=40, branches=0)
    shallow = tmp_path / "shallow.git"
    done = git("clone", "--quiet", "--bare", "--depth=5", f"file://{source}", str(shallow))
    assert done.returncode == 0, done.stderr

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, shallow)
        await news.next()
        before = await client.graph()
        done = git("fetch", "--quiet", "--deepen=3", f"file://{source}", cwd=client.repo.path)
        assert done.returncode == 0, done.stderr
        plugin: Any = it.host.plugins.by_name["graph"]
        plugin.graphs._open.clear()
        assert before["total"] < (await client.graph())["total"] < 40

    run(test)
