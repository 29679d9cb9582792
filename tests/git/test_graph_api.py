"""The graph over HTTP, and what is told when refs move: a real server, real pushes."""

from __future__ import annotations

import asyncio
import gzip
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate

from gitperch.events import Event, RefChange, RefsUpdated
from gitperch.repositories import importing
from gitperch_graph.events import REFS_TOLD, GraphChanged, told
from support.graph import Row, check, facts
from support.house import House, Test, runner
from support.server import Answer, Server, commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitperch.repositories import Repository


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@dataclass
class Client:
    """Alice, who looks at one repository and pushes to it."""

    it: House
    repo: Repository
    token: str

    @classmethod
    async def of(cls, it: House, source: Path | None = None, **options: Any) -> Client:
        repo = await it.repository(**options)
        if source:
            await importing.fill(it.host.git, repo, source)
            await it.host.refs.observe(repo, source="import")
        return cls(it, repo, await it.token())

    async def answer(self, path: str = "", **headers: str) -> Answer:
        """The graph's answer; `headers` with underscores for dashes."""
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        address = f"{self.it.url}/api/repos/{self.repo.full_name}/graph{path}"
        request = urllib.request.Request(address, headers={name: value for name, value in sent.items() if value})
        return await asyncio.to_thread(_ask, request)

    async def graph(self, path: str = "") -> dict[str, Any]:
        answer = await self.answer(path)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def whole(self) -> dict[str, Any]:
        """Every row, asked for window by window."""
        graph = await self.graph("?rows=1000")
        while len(graph["rows"]) < graph["total"]:
            graph["rows"] += (await self.graph(f"?rows=1000&at={len(graph['rows'])}"))["rows"]
        return graph

    async def push(self, work: Path, *refspecs: str) -> None:
        address = f"http://alice:{self.token}@127.0.0.1:{self.it.port}/{self.repo.full_name}.git"
        done = await asyncio.to_thread(git, "push", "--quiet", "--force", address, *refspecs, cwd=work)
        assert done.returncode == 0, done.stderr


def _ask(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


class News:
    """What is told, in order."""

    def __init__(self, it: House) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        it.host.events.listen(self._queue.put_nowait)

    async def next(self) -> GraphChanged:
        async with asyncio.timeout(20):
            while True:
                event = await self._queue.get()
                if isinstance(event, GraphChanged):
                    return event

    async def silence(self, seconds: float = 0.3) -> None:
        try:
            async with asyncio.timeout(seconds):
                news = await self.next()
        except TimeoutError:
            return
        raise AssertionError(news)


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
        }
        assert graph["rows"][1]["parents"] == []

        assert git("commit", "--amend", "-m", "Another second", cwd=work).returncode == 0
        await client.push(work, "HEAD:main", ":topic/one")
        event = await news.next()
        assert (event.added, event.total) == (-1, 2)
        assert event.refs[0][:2] == ["refs/heads/main", second]
        assert [row["subject"] for row in (await client.graph())["rows"]] == ["Another second", "The first"]

    run(test)


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


def test_a_deleted_repository_leaves_no_index(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client = await Client.of(it)
        await client.graph()
        files = it.host.config.data / "plugins" / "graph"
        assert list(files.iterdir())
        await it.host.repositories.delete(client.repo)
        async with asyncio.timeout(10):
            while list(files.iterdir()):  # noqa: ASYNC110 -- the file system tells nobody
                await asyncio.sleep(0.02)
        assert (await client.answer()).status == 404

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


def test_a_push_of_many_refs_is_told_in_part() -> None:
    changes = [RefChange(f"refs/heads/b{n}", None, "0" * 40) for n in range(700)] + [
        RefChange("refs/pull/1", None, "1")
    ]
    refs, more = told(changes, ("refs/heads/", "refs/tags/"))
    assert (len(refs), more) == (REFS_TOLD, 200)
    assert json.dumps(refs[0]) == '["refs/heads/b0", null, "' + "0" * 40 + '"]'
