"""Search in a history over HTTP, held against what git itself finds."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph.search import answers, routes, texts, turns
from support.graph_client import Client, News
from support.graph_search import by_git, found, have_small_segments, lines, until
from support.house import House, Test, runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    have_small_segments(monkeypatch)


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("tail", [0, 20, 1000], ids=["files", "both", "memory"])
def test_a_search_finds_what_git_finds(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: int
) -> None:
    monkeypatch.setattr(texts, "TAIL", tail)
    source = generate(tmp_path / "source.git", commits=900, branches=12, seed=3, wild=True)
    everything = by_git(source)
    merges, main = by_git(source, "--merges"), set(git("rev-list", "main", cwd=source).stdout.split())
    lovelace, ada = by_git(source, "--author=Ada Lovelace"), by_git(source, "--author=ada@example.com")
    parser = by_git(source, "-i", "--grep=parser")
    topic = set(git("rev-list", "topic-0001", "topic-0002", cwd=source).stdout.split())
    v3 = set(git("rev-list", "v3", cwd=source).stdout.split())
    dated = git("log", "--branches", "--tags", "--format=%H %ct", cwd=source).stdout.splitlines()
    times = {oid: int(time) for oid, time in map(str.split, dated)}
    middle = sorted(times.values())[450]
    late = {oid for oid, time in times.items() if time >= middle}
    oid = sorted(everything)[77]

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        rows = {row["oid"]: row for row in (await client.whole())["rows"]}
        for query, expected in {
            "PARSER": parser,
            "message:parser": parser,
            "author:lovelace": lovelace,
            "author:ADA@example.com": ada,
            'author:"ada lovelace" parser': lovelace & parser,
            "parser -author:ada": parser - ada,
            "merge:only": merges,
            "merge:exclude": everything - merges,
            "-ada -parser": everything - ada - parser,
            "branch:main": main,
            "-branch:main": everything - main,
            "branch:topic-000[12] parser": topic & parser,
            "tag:v3": v3,
            "tag:v3 -merge:only": v3 - merges,
            f"after:{middle}": late,
            f"before:{middle} parser": parser - late,
            f"hash:{oid[:9].upper()}": {oid},
            oid[:12]: {oid},
            "räume": by_git(source, "--grep=Räume"),
            "日本語": by_git(source, "--grep=日本語"),
            '"second line of the"': by_git(source, "--grep=second line of the"),
            "no-such-thing-anywhere": set(),
            "branch:nowhere": set(),
        }.items():
            oids = await found(client, query)
            assert set(oids) == expected, query
            assert len(oids) == len(expected)
            assert oids == sorted(oids, key=lambda oid: rows[oid]["row"]), "the newest first"

    run(test)


def test_hits_are_rows_of_the_graph_and_further_ones_are_numbers(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=300, branches=3, seed=5)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        graph = await client.whole()
        first, *middle, last = await lines(client, "the nowhere:x after:never", "&limit=5")
        assert (first["generation"], first["total"]) == (graph["generation"], 300)
        assert [(hint["at"], hint["text"].split()[0]) for hint in first["hints"]] == [(4, "nowhere:"), (14, "never")]
        assert (last["done"], last["count"], last["more"]) == (True, 0, False)
        assert not middle
        _, *middle, last = await lines(client, "the", "&limit=5")
        hits = [hit for line in middle for hit in line.get("hits", ())]
        assert hits == [{name: row[name] for name in hits[0]} for row in graph["rows"][:5]]
        assert [row for line in middle for row in line.get("rows", ())] == list(range(5, 300))
        assert last["count"] == 300
        _, last = await lines(client, "")
        assert (last["done"], last["count"]) == (True, 0)

    run(test)


@pytest.mark.parametrize(
    ("query", "field"),
    [("?q=x&limit=-1", "limit"), ("?q=x&limit=1001", "limit"), ("?q=x&limit=ten", "limit"), (f"?q={'x' * 1001}", "q")],
)
def test_bad_arguments_are_named(run: Callable[[Test], None], query: str, field: str) -> None:
    async def test(it: House) -> None:
        answer = await (await Client.of(it)).answer(f"/search{query}")
        assert (answer.status, answer.json()["field"]) == (400, field)

    run(test)


def test_a_private_history_looks_like_none_at_all(run: Callable[[Test], None]) -> None:
    async def test(it: House) -> None:
        client = await Client.of(it)
        assert (await client.answer("/search?q=x", Authorization="")).status == 401
        client.token = await it.token("bob")
        assert (await client.answer("/search?q=x")).status == 404

    run(test)


@pytest.mark.parametrize("tail", [0, 1000], ids=["files", "memory"])
def test_paths_are_found_as_git_finds_them(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail: int
) -> None:
    monkeypatch.setattr(texts, "TAIL", tail)
    work = tmp_path / "work"
    files: dict[str, str | bytes] = {
        "README.md": "a",
        "src/main.c": "a",
        "src/Deep/er/main.css": "a",
        "docs/a b/Ünïcode.md": "a",
        "docs/new\nline": "a",
        "1" * 40: "named as an oid is",
    }
    commit(work, files, "root")
    for number, name in enumerate(files):
        commit(work, {name: f"change {number}"}, f"change of {number}")
    git("mv", "src/main.c", "moved.c", cwd=work)
    commit(work, {"docs/other.md": "x"}, "moved")
    git("checkout", "-q", "-b", "side", "HEAD~3", cwd=work)
    commit(work, {"side.c": "x"}, "on the side")
    git("checkout", "-q", "main", cwd=work)
    git("merge", "-q", "--no-edit", "side", cwd=work)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, work / ".git")
        await news.next()
        for query, pathspec in {
            "path:src/": "src/",
            "path:SRC/main": ":(glob,icase)src/main*",
            "path:src/main.c": "src/main.c",
            "path:src/*": ":(glob)src/*",
            "path:src/*/er/": ":(glob)src/*/er/**",
            "path:src/*/er": ":(glob)src/*/er",
            "path:**/main.c*": ":(glob)**/main.c*",
            "path:*.md": ":(glob)*.md",
            "path:src/**/*.css": ":(glob)src/**/*.css",
            "file:main": ":(glob,icase)**/main*",
            "file:*.md": ":(glob)**/*.md",
            'file:"ünïcode.md"': "docs/a b",
            'path:"docs/a b/"': "docs/a b",
            "file:[rs]*[dc]": ":(glob,icase)**/[rs]*[dc]",
            "file:deep/er": ":(icase)src/deep/er",
            "path:1111": "1" * 40,
            'path:"docs/new line"': "docs/new\nline",
            "path:nowhere": "nowhere",
        }.items():
            expected = by_git(work, "--full-history", "--no-merges", "--", pathspec)
            assert set(await found(client, query)) == expected, query
        assert len(await found(client, "path:src/ -file:*.css after:2000 change")) == 1
        assert await found(client, "file:side.c branch:side") == await found(client, "on side")

    run(test)


def test_a_search_in_a_view_finds_rows_of_the_view(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=400, branches=6, seed=8)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        parameters = "&ref=refs/heads/topic-0001&merges=0"
        rows = (await client.graph(f"?rows=1000{parameters}"))["rows"]
        first, *between, last = await lines(client, "parser", f"&limit=1000{parameters}")
        assert first["total"] == len(rows) < 400
        hits = [hit for line in between for hit in line["hits"]]
        assert hits == [{name: row[name] for name in hits[0]} for row in rows if "parser" in row["subject"]]
        assert last["count"] == len(hits) > 0
        assert (await client.answer("/search?q=x&merges=maybe")).json()["field"] == "merges"

    run(test)


@pytest.mark.usefixtures("small_segments")
def test_what_is_pushed_amended_and_deleted_is_found_as_it_is_now(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "REST_SECONDS", 0.0)
    work, dice = tmp_path / "work", random.Random(3)

    async def test(it: House) -> None:
        client = await Client.of(it)
        for number in range(9):
            for nth in range(dice.randrange(1, 14)):
                commit(work, {f"file-{number % 3}": f"{number} {nth}"}, f"Round {number}, of {nth}\n\nwith a body")
            if number % 3 == 2:
                amend = ("commit", "-q", "--amend", "-m", f"Amended in round {number}")
                assert git(*amend, cwd=work).returncode == 0
            branch = f"b{dice.randrange(3)}"
            await client.push(work, f"HEAD:refs/heads/{branch}")
            if number == 5:
                await client.push(work, ":refs/heads/b0", ":refs/heads/b1")
            monkeypatch.setattr(texts, "TAIL", dice.choice([0, 3, 20, 1000]))
            await settled(it, client)
            for query, expected in {
                "round": by_git(client.repo.path, "-i", "--grep=round"),
                "amended": by_git(client.repo.path, "--grep=Amended"),
                "message:body -amended": by_git(client.repo.path, "--grep=with a body"),
                "path:file-1": by_git(client.repo.path, "--full-history", "--no-merges", "--", "file-1"),
            }.items():
                assert set(await found(client, query)) == expected, (number, query)

    run(test)


async def settled(it: House, client: Client) -> None:
    """Wait until the graph shows what the repository has."""
    expected = by_git(client.repo.path)
    async with asyncio.timeout(60):
        while {row["oid"] for row in (await client.whole())["rows"]} != expected:  # noqa: ASYNC110 -- as a browser asks
            await asyncio.sleep(0.02)


def test_a_history_without_trees_says_that_paths_cannot_be_searched(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    for number in range(30):
        commit(work, {"a": str(number)}, f"change {number}")
    trees = git("log", "--format=%T", cwd=work).stdout.split()

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, work / ".git")
        await news.next()
        assert len(await found(client, "change")) == 30
        for tree in trees:
            (client.repo.path / "objects" / tree[:2] / tree[2:]).unlink(missing_ok=True)
        (*_, last) = await lines(client, "path:a")
        assert last["count"] == 0
        assert last["more"]
        assert "its trees cannot be read" in last["failed"]
        assert len(await found(client, "change")) == 30

    run(test)


def test_who_leaves_ends_the_search(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And lets others search, who have to wait while too many do."""
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.2)
    source = generate(tmp_path / "source.git", commits=300, branches=3, seed=5)
    here, gone, really = list[int](), list[int](), answers.Search._told

    async def stuck(self: answers.Search, found: list[int]) -> AsyncGenerator[answers.Line | bytes, None]:
        here.append(1)
        try:
            await asyncio.sleep(60)
        finally:
            gone.append(1)
        async for line in really(self, found):
            yield line

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        assert len(await found(client, "the")) == 300
        monkeypatch.setattr(answers.Search, "_told", stuck)
        request = f"GET /api/repos/{client.repo.full_name}/graph/search?q=the HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        request += f"Authorization: Bearer {client.token}\r\n\r\n"
        writers = []
        for _ in range(turns.EACH):
            _, writer = await asyncio.open_connection("127.0.0.1", it.port)
            writer.write(request.encode())
            writers.append(writer)
        await until(lambda: len(here) == turns.EACH)
        answer = await client.answer("/search?q=the")
        assert (answer.status, answer.json()["code"]) == (503, "busy")
        monkeypatch.setattr(answers.Search, "_told", really)
        writers.pop().close()
        await until(lambda: len(gone) == 1)
        assert len(await found(client, "the")) == 300
        for writer in writers:
            writer.close()
        await until(lambda: len(gone) == turns.EACH)

    run(test)


def test_a_sha256_history_is_searched(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=150, branches=3, documents=20, object_format="sha256")

    async def test(it: House) -> None:
        news = News(it)
        alice = await it.host.people.find("alice")
        assert alice
        repo = await it.host.repositories.create(alice, "thing", object_format="sha256")
        client = Client(it, repo, await it.token())
        done = git("push", "--quiet", str(repo.path), "refs/heads/*:refs/heads/*", cwd=source)
        assert done.returncode == 0, done.stderr
        await it.host.refs.observe(repo, source="test")
        await news.next()
        expected = by_git(repo.path, "-i", "--grep=parser")
        documents = by_git(repo.path, "--full-history", "--no-merges", "--", "part-00/topic-0000/document-00007.txt")
        for tail in (1000, 0):
            monkeypatch.setattr(texts, "TAIL", tail)
            assert set(await found(client, "parser")) == expected
            assert set(await found(client, "file:document-00007.txt")) == documents
            assert await found(client, f"hash:{min(expected)}") == [min(expected)]

    run(test)


def test_what_refs_reach_is_found_in_a_long_history(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=4500, branches=20, seed=12, wild=True)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        for query, tips in {
            "branch:topic-0003": ["topic-0003"],
            "branch:topic-001*": [f"topic-{number:04}" for number in range(10, 20)],
            "tag:v9": ["v9"],
        }.items():
            expected = set(git("rev-list", *tips, cwd=source).stdout.split())
            _, *between, last = await lines(client, query, "&limit=0")
            rows = [row for line in between for row in line.get("rows", ())]
            shown = (await client.whole())["rows"]
            assert {shown[row]["oid"] for row in rows} == expected
            assert last["count"] == len(rows) == len(expected)

    run(test)
