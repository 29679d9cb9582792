"""The graph over HTTP: a real server, and generated histories."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from gitperch_graph import GraphPlugin, small, store
from gitperch_graph.sections import IndexDamaged
from support.graph import check, facts
from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def test_the_api_gives_the_whole_history_of_an_import(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=2500, branches=40, seed=2, wild=True)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        graph = await client.whole()
        check(graph, facts(source))
        refs = await client.graph("/refs")
        assert (refs["generation"], refs["head"]) == (graph["generation"], "refs/heads/main")
        for ref in refs["refs"]:
            assert graph["rows"][ref["row"]]["oid"] == ref["oid"]
            assert ref["name"] in graph["rows"][ref["row"]]["refs"]
        shown = {row["oid"]: row for row in graph["rows"]}
        lines = git(
            "log", "--branches", "--tags", "--encoding=UTF-8", "--format=%H%x00%ct%x00%ae%x00%an", cwd=source
        ).stdout
        for line in lines.splitlines():
            oid, time, email, author = line.split("\0")
            row = shown[oid]
            assert (str(row["time"]), row["email"], row["author"]) == (time, email, author)
        subjects = {row["subject"] for row in graph["rows"]}
        assert {"Räume im Süden", "日本語の件名", "no encoding named: éÿ", ""} <= subjects
        assert "<script>alert(1)</script> second line of the subject" in subjects

    run(test)


def test_where_a_window_can_be_asked_for(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=400, branches=5, seed=4)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        rows = (await client.whole())["rows"]
        for asked, oid in (
            ("refs/tags/v2", git("rev-parse", "v2^{commit}", cwd=source).stdout.strip()),
            ("v2", git("rev-parse", "v2^{commit}", cwd=source).stdout.strip()),
            ("topic-0003", git("rev-parse", "topic-0003", cwd=source).stdout.strip()),
            ("HEAD", git("rev-parse", "main", cwd=source).stdout.strip()),
            (rows[200]["oid"], rows[200]["oid"]),
            (rows[201]["oid"][:12].upper(), rows[201]["oid"]),
        ):
            graph = await client.graph(f"?at={asked}&rows=21")
            assert rows[graph["focus"]]["oid"] == oid
            assert graph["rows"] == rows[graph["at"] : graph["at"] + 21]
            assert graph["at"] <= graph["focus"] < graph["at"] + 21
        assert (await client.graph("?at=200&rows=21"))["at"] == 200
        beyond = await client.graph("?at=9999")
        assert (beyond["at"], beyond["rows"], beyond["total"]) == (400, [], 400)

    run(test)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ("?rows=0", 400, "rows"),
        ("?rows=1001", 400, "rows"),
        ("?rows=-5", 400, "rows"),
        ("?rows=ten", 400, "rows"),
        ("?rows=" + "9" * 5000, 400, "rows"),
        ("?at=nowhere", 404, "at"),
        ("?at=-1", 404, "at"),
        ("?at=abc", 404, "at"),
        ("?at=" + "0" * 40, 404, "at"),
        ("?at=%00", 404, "at"),
    ],
)
def test_bad_arguments_are_named(
    run: Callable[[Test], None], tmp_path: Path, query: str, status: int, field: str
) -> None:
    async def test(it: House) -> None:
        answer = await (await Client.of(it)).answer(query)
        assert (answer.status, answer.json()["field"]) == (status, field)

    run(test)


def test_an_answer_that_is_known_is_not_sent_again(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=300, branches=0)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        plain, packed = await client.answer(), await client.answer(Accept_Encoding="br, gzip;q=0.8")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) * 3 < len(plain.body)
        assert "content-encoding" not in plain.headers
        assert plain.headers["cache-control"] == "private, no-cache"
        assert "accept-encoding" in plain.headers["vary"]
        again = await client.answer(If_None_Match=plain.headers["etag"])
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", plain.headers["etag"])
        assert (await client.answer("?at=1", If_None_Match=plain.headers["etag"])).status == 200
        refused = await client.answer(Accept_Encoding="gzip;q=0")
        assert "content-encoding" not in refused.headers

        assert git("update-ref", "refs/heads/new", "main~5", cwd=client.repo.path).returncode == 0
        await it.host.refs.observe(client.repo, source="test")
        assert (await news.next()).added == 0
        assert (await client.answer(If_None_Match=plain.headers["etag"])).status == 200

    run(test)


def test_a_private_graph_looks_like_none_at_all(run: Callable[[Test], None]) -> None:
    async def test(it: House) -> None:
        client = await Client.of(it)
        assert (await client.answer(Authorization="")).status == 401
        client.token = await it.token("bob")
        for path in ("", "/refs", "?at=main"):
            assert (await client.answer(path)).status == 404
        public = await Client.of(it, name="open", private=False)
        assert (await public.answer(Authorization="")).status == 200

    run(test)


def test_while_the_index_is_built_the_answer_is_202(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=300, branches=2)
    go_on = threading.Event()
    really = small.small

    def slow(*arguments: Any) -> Any:
        assert go_on.wait(60)
        return really(*arguments)

    async def test(it: House) -> None:
        monkeypatch.setattr(store, "PATIENCE", 0.05)
        monkeypatch.setattr(small, "small", slow)
        news = News(it)
        client = await Client.of(it, source)
        for path in ("", "/refs"):
            answer = await client.answer(path)
            assert (answer.status, answer.json()) == (
                202,
                {"building": True, "doing": "layout", "progress": 0.0, "commits": 0},
            )
        go_on.set()
        await news.next()
        check(await client.whole(), facts(source))

    run(test)


def test_a_history_that_cannot_be_read_says_so(run: Callable[[Test], None]) -> None:
    async def test(it: House) -> None:
        client = await Client.of(it)
        (client.repo.path / "refs" / "heads" / "main").write_text("1" * 40 + "\n")
        (client.repo.path / "packed-refs").write_text("not what git writes\n")
        answer = await client.answer()
        assert answer.status == 500
        assert answer.json()["code"] == "history_unreadable"

    run(test)


def test_an_index_found_to_be_damaged_is_built_anew(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=2600, branches=6, seed=1)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        plugin = it.host.plugins.by_name["graph"]
        assert isinstance(plugin, GraphPlugin)
        file = it.host.folder("graph") / f"{client.repo.id}.rows"
        plugin.graphs._open.clear()  # as after a start
        before = await client.whole()
        blocks = (await plugin.graphs.index(client.repo)).sections.blocks  # type: ignore[union-attr]
        assert blocks
        inode = file.stat().st_ino
        blocks._sums[0] ^= 1
        blocks.known[0] = 0
        with pytest.raises(IndexDamaged):
            blocks.require_all()
        while (answer := await client.answer("?at=5")).status == 202:
            assert answer.json()["building"]
        assert await client.whole() == before
        assert file.stat().st_ino != inode

    monkeypatch.setattr(small, "MOST", 100)
    run(test)
