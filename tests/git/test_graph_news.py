"""Refs move, the graph follows, and what has changed is told: real pushes to a real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch.events import RefChange, RefsUpdated
from gitperch_graph import small
from gitperch_graph.events import REFS_TOLD, told
from support.graph import Row, check, facts
from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def test_pushes_are_told_and_shown(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        empty = await client.graph()
        assert (empty["total"], empty["rows"], empty["passing"], empty["refs_total"]) == (0, [], [], 0)

        first = commit(work, {"a": "1"}, "The first")
        await client.push(work, "HEAD:main")
        event = await news.next()
        assert (event.added, event.total, event.head) == (1, 1, "refs/heads/main")
        assert event.refs == [["refs/heads/main", None, first]]

        second = commit(work, {"a": "2"}, "The second\n\nwith a body")
        await client.push(work, "HEAD:main", "HEAD:refs/heads/topic/one")
        event = await news.next()
        assert (event.added, event.total) == (1, 2)
        graph = await client.graph()
        assert graph["generation"] == event.generation
        assert graph["rows"][0] | {"time": 0} == {
            "row": 0,
            "oid": second,
            "lane": 0,
            "parents": [1],
            "edges": [0],
            "author": "Ada Author",
            "email": "ada@example.com",
            "time": 0,
            "subject": "The second",
            "refs": ["refs/heads/main", "refs/heads/topic/one"],
            "body": True,
            "committer": "Carl Committer",
        }
        assert graph["rows"][1]["parents"] == []

        assert git("commit", "--amend", "-m", "Another second", cwd=work).returncode == 0
        await client.push(work, "HEAD:main", ":topic/one")
        event = await news.next()
        assert (event.added, event.total) == (-1, 2)
        assert event.refs[0][:2] == ["refs/heads/main", second]
        assert [row["subject"] for row in (await client.graph())["rows"]] == ["Another second", "The first"]

    run(test)


def test_few_new_rows_come_with_the_news(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "0"})
        await client.push(work, "HEAD:main")
        await news.next()
        for subjects in (["One", "Two", "Three"], [f"Many {number}" for number in range(21)], ["x" * 20_000]):
            for subject in subjects:
                commit(work, {"a": subject[:50]}, subject)
            await client.push(work, "HEAD:main")
            event = await news.next()
            graph = await client.graph()
            assert (event.added, event.generation) == (len(subjects), graph["generation"])
            assert event.rows == ([] if len(subjects) > 20 else graph["rows"][: len(subjects)])
        for number in range(12):
            commit(work, {"a": str(number)}, "y" * 1900)
        await client.push(work, "HEAD:main")
        assert (await news.next()).rows == [], "more than anybody wants to hear"

    run(test)


def test_tags_on_old_commits_are_told_and_shown(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        oids = [commit(work, {"a": str(number)}) for number in range(5)]
        await client.push(work, "HEAD:main")
        await news.next()
        assert git("tag", "light", oids[1], cwd=work).returncode == 0
        assert git("tag", "-m", "words", "heavy", oids[2], cwd=work).returncode == 0
        await client.push(work, "--tags")
        event = await news.next()
        heavy = git("rev-parse", "heavy", cwd=work).stdout.strip()
        assert (event.added, event.total) == (0, 5)
        assert sorted(event.refs) == [["refs/tags/heavy", None, heavy], ["refs/tags/light", None, oids[1]]]
        graph = await client.graph()
        assert graph["generation"] == event.generation
        shown = {row["oid"]: row["refs"] for row in graph["rows"]}
        assert (shown[oids[1]], shown[oids[2]]) == (["refs/tags/light"], ["refs/tags/heavy"])
        await client.push(work, ":refs/tags/light")
        event = await news.next()
        assert (event.added, event.refs) == (0, [["refs/tags/light", oids[1], None]])
        assert [row["refs"] for row in (await client.graph())["rows"] if row["oid"] == oids[1]] == [[]]

    run(test)


def test_an_event_delivered_twice_is_told_once(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        oid = commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        told_once = await news.next()
        plugin = it.host.plugins.by_name["graph"]
        change = RefChange("refs/heads/main", None, oid)
        row = await it.host.db.row("SELECT id FROM events WHERE kind = 'refs.updated'")
        assert row
        await plugin.handle(RefsUpdated(repo_id=client.repo.id, id=row["id"], changes=(change,)))
        await news.silence()
        assert told_once.id > row["id"]

    run(test)


def test_refs_that_nobody_sees_are_not_told(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        await news.next()
        commit(work, {"a": "2"})
        await client.push(work, "HEAD:refs/pull/1/head")
        await news.silence()
        assert (await client.graph())["total"] == 1

    run(test)


def test_another_default_branch_is_told_and_stands_in_lane_0(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=200, branches=4)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        await it.host.repositories.set_default_branch(client.repo, "topic-0002")
        event = await news.next()
        assert (event.head, event.added, event.refs) == ("refs/heads/topic-0002", -1, [])
        check(await client.whole(), facts(client.repo.path))
        await it.host.repositories.change(client.repo, description="nothing that the graph shows")
        await news.silence()

    run(test)


@pytest.mark.parametrize("damage", ["truncated", "older", "gone"])
def test_an_index_that_does_not_fit_is_not_shown(own_server: Server, tmp_path: Path, damage: str) -> None:
    source = generate(tmp_path / "source.git", commits=300, branches=4)
    own_server.cli("repo", "add", "alice/thing", "--from", str(source))

    def rows() -> list[Row]:
        graph = own_server.get("/api/repos/alice/thing/graph?rows=1000", user="alice").json()
        check(graph, facts(repository))
        found: list[Row] = graph["rows"]
        return found

    repository = own_server.data / "repositories" / "1.git"
    before = rows()
    own_server.kill()
    file = own_server.data / "plugins" / "graph" / "1.rows"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-100])
    elif damage == "gone":
        file.unlink()
    else:
        assert git("branch", "-f", "main", "main~9", cwd=repository).returncode == 0
    own_server.start()
    after = rows()
    assert (before == after) == (damage != "older")


def test_a_large_history_is_laid_out_by_a_process_of_its_own(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=3200, branches=10, seed=6)

    def not_here(*_: object) -> None:
        raise AssertionError("in the server's own process")

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        monkeypatch.setattr(small, "_laid_out", not_here)
        assert git("branch", "-f", "main", "main~2", cwd=client.repo.path).returncode == 0
        await it.host.refs.observe(client.repo, source="test")
        assert (await news.next()).added == -1
        check(await client.whole(), facts(client.repo.path))

    run(test)


def test_many_pushes_at_once_end_in_what_git_says(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news = await Client.of(it), News(it)
        works = [tmp_path / f"work-{n}" for n in range(4)]
        for number, work in enumerate(works):
            commit(work, {"a": str(number)}, f"root {number}")

        async def pushes(number: int, work: Path) -> None:
            for nth in range(5):
                commit(work, {"a": f"{number}.{nth}"}, f"{number}.{nth}")
                await client.push(work, f"HEAD:refs/heads/of-{number}")

        await asyncio.gather(*(pushes(number, work) for number, work in enumerate(works)))
        told_last = await news.next()
        while told_last.total < 24:
            told_last = await news.next()
        graph = await client.whole()
        check(graph, facts(client.repo.path))

    run(test)


def test_a_deleted_repository_leaves_no_index(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client = await Client.of(it)
        await client.graph()
        files = it.host.config.data / "plugins" / "graph"
        assert list(files.iterdir())
        await it.host.repositories.delete(client.repo)
        async with asyncio.timeout(60):
            while list(files.iterdir()):  # noqa: ASYNC110 -- the file system tells nobody
                await asyncio.sleep(0.02)
        assert (await client.answer()).status == 404

    run(test)


def test_a_push_of_many_refs_is_told_in_part() -> None:
    changes = [RefChange(f"refs/heads/b{n}", None, "0" * 40) for n in range(700)] + [
        RefChange("refs/pull/1", None, "1")
    ]
    refs, more = told(changes, ("refs/heads/", "refs/tags/"))
    assert (len(refs), more) == (REFS_TOLD, 200)
    assert json.dumps(refs[0]) == '["refs/heads/b0", null, "' + "0" * 40 + '"]'


def test_a_sha256_repository_is_shown_and_followed(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=150, branches=3, object_format="sha256")

    async def test(it: House) -> None:
        news = News(it)
        alice = await it.host.people.find("alice")
        assert alice
        repo = await it.host.repositories.create(alice, "thing", object_format="sha256")
        client = Client(it, repo, await it.token())
        assert (await client.graph())["total"] == 0
        done = git("push", "--quiet", str(client.repo.path), "refs/heads/*:refs/heads/*", cwd=source)
        assert done.returncode == 0, done.stderr
        await it.host.refs.observe(client.repo, source="test")
        assert (await news.next()).total > 140
        graph = await client.whole()
        check(graph, facts(client.repo.path))
        assert len(graph["rows"][0]["oid"]) == 64
        assert graph["rows"][0]["author"]
        assert git("branch", "-f", "main", "main~3", cwd=client.repo.path).returncode == 0
        await it.host.refs.observe(client.repo, source="test")
        await news.next()
        check(await client.whole(), facts(client.repo.path))

    run(test)
