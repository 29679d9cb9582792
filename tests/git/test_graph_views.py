"""Views show what git says of the commits that were chosen, whatever the history and whatever is pushed meanwhile."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from contrib.bench.histories import generate
from starlette.datastructures import QueryParams

from gitperch.errors import BadRequest
from gitperch_graph import build, windows
from gitperch_graph.row_index import RowIndex
from gitperch_graph.views import View, narrowing
from gitperch_graph.views import build as view_build
from gitperch_graph.views import store as view_store
from support.graph import check_lanes
from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import commit, git
from support.views import narrow
from support.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.graph import Window


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def view_of(query: str) -> View:
    return View.of(QueryParams(query))


class Truth:
    """What git says of the repository at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parents = self._parents("--branches", "--tags")
        self.times: dict[str, int] = {}
        self.authors: dict[str, str] = {}
        for line in self._git("log", "--branches", "--tags", "--format=%H%x00%ct%x00%an <%ae>"):
            oid, time, self.authors[oid] = line.split("\0")
            self.times[oid] = int(time)
        dates: dict[str, int] = {}
        for line in reversed(self._git("rev-list", "--topo-order", "--branches", "--tags")):
            dates[line] = max([self.times[line], 1, *(dates[parent] + 1 for parent in self.parents[line])])
        self.order = sorted(dates, key=lambda oid: (-dates[oid], oid))

    def _git(self, *arguments: str) -> list[str]:
        done = git(*arguments, cwd=self.path)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def _parents(self, *arguments: str) -> dict[str, list[str]]:
        return {line.split()[0]: line.split()[1:] for line in self._git("rev-list", "--parents", *arguments)}

    def check(self, graph: Window, view: View) -> None:
        """That `graph`, all of it, is what `view` is to show."""
        asked = list(view.refs) or ["--branches", "--tags"]
        how = ["--first-parent"] if view.first_parent else []
        reached = set(self._git("rev-list", *how, *asked))
        history = {oid: self.parents[oid][: 1 if view.first_parent else None] for oid in reached}
        shown = set(reached)
        if view.path:
            history = self._parents(*how, *asked, "--", f":(literal){view.path}")
            shown = set(history)
        if not view.merges:
            shown = {oid for oid in shown if len(self.parents[oid]) < 2}
        if view.after is not None:
            shown = {oid for oid in shown if self.times[oid] >= view.after}
        if view.before is not None:
            shown = {oid for oid in shown if self.times[oid] < view.before}
        shown = {oid for oid in shown if view.author.lower() in self.authors[oid].lower()}
        true = narrow(history, shown, self.parents)
        rows = graph["rows"]
        assert [row["oid"] for row in rows] == [oid for oid in self.order if oid in shown]
        for row in rows:
            parents = [rows[parent]["oid"] for parent in row["parents"]]
            assert len(set(parents)) == len(parents)
            assert set(parents) == set(true.parents[row["oid"]])
            skipped = true.skipped[row["oid"]].intersection(parents[: narrowing.BITS])
            assert {parents[nth] for nth in row.get("skipped", ())} == skipped
        check_lanes(rows)
        self._check_default_branch(rows)

    def _check_default_branch(self, rows: list[dict[str, Any]]) -> None:
        """That what is shown of it, or what it leads to, goes straight down in lane 0, alone."""
        done = git("rev-list", "--first-parent", "HEAD", cwd=self.path)
        at = {row["oid"]: row["row"] for row in rows}
        row = next((at[oid] for oid in done.stdout.split() if oid in at), None)
        chain = []
        while row is not None and row >= 0:
            chain.append(row)
            row = next(iter(rows[row]["parents"]), None)
        if chain:
            assert [row["row"] for row in rows if row["lane"] == 0] == chain


@pytest.fixture(autouse=True)
def without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrowing, "STEPS", 1 << 30)
    monkeypatch.setattr(narrowing, "MOST", 64)


def built(path: Path, folder: Path, view: View) -> RowIndex:
    build.build(path, folder / "1.rows")
    view_build.build(path, folder / "1.rows", folder / "1.view.rows", view)
    return RowIndex.open(folder / "1.view.rows", path)


def window(index: RowIndex, at: int, rows: int) -> Window:
    def nothing(oid: str, /) -> tuple[str, bytes]:
        raise KeyError(oid)

    return windows.window(index, windows.place(index, str(at), rows), rows, nothing)


QUERIES = [
    "ref=refs/heads/b1",
    "ref=refs/heads/b0&ref=refs/heads/b3",
    "first_parent=1",
    "first_parent=1&ref=refs/heads/b2",
    "merges=0",
    "merges=0&ref=refs/heads/b1&first_parent=1",
    "path=lib",
    "path=lib/deep/er/x.py",
    "path=doc/ünï&merges=0",
    "path=a&first_parent=1&ref=refs/heads/b1",
    "path=nowhere",
    "author=a@X",
    "author=nobody",
    "after=1700001200",
    "before=1700002400",
    "after=1700001200&before=1700002400&merges=0",
    "path=lib&after=1700000600",
]


@pytest.mark.parametrize("seed", range(3))
def test_views_of_wild_small_histories(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    world = World(tmp_path / "it.git", dice, lying=True)
    world.grow(70)
    assert git("symbolic-ref", "HEAD", "refs/heads/b0", cwd=tmp_path / "it.git").returncode == 0
    truth = Truth(tmp_path / "it.git")
    for query in QUERIES:
        view = view_of(query)
        index = built(tmp_path / "it.git", tmp_path, view)
        truth.check(window(index, 0, index.total), view)


@pytest.mark.parametrize("kind", ["sha256", "shallow", "replaced"])
def test_views_of_histories_of_other_kinds(tmp_path: Path, kind: str) -> None:
    path = generate(
        tmp_path / "it.git", commits=400, branches=6, seed=8, object_format="sha256" if kind == "sha256" else "sha1"
    )
    if kind == "shallow":
        shallow = ("clone", "--quiet", "--bare", "--no-single-branch", "--depth=30", f"file://{path}")
        assert git(*shallow, str(tmp_path / "shallow.git")).returncode == 0
        path = tmp_path / "shallow.git"
    elif kind == "replaced":
        assert git("replace", "--graft", "main~40", cwd=path, GIT_DIR=str(path)).returncode == 0
    truth = Truth(path)
    for query in (
        "ref=refs/heads/main&first_parent=1",
        "author=ada&merges=0",
        f"after={min(truth.times.values()) + 9000}",
    ):
        view = view_of(query)
        index = built(path, tmp_path, view)
        graph = window(index, 0, index.total)
        for row in graph["rows"]:  # where a shallow history ends git shows no parents
            cut = [nth for nth, parent in enumerate(row["parents"]) if parent >= 0]
            row["skipped"] = [cut.index(nth) for nth in row.get("skipped", ())]
            row["parents"], row["edges"] = ([row[key][nth] for nth in cut] for key in ("parents", "edges"))
        truth.check(graph, view)


@pytest.mark.parametrize("with_file", [False, True], ids=["own graph", "git's graph"])
def test_views_of_a_longer_history_and_their_windows(tmp_path: Path, with_file: bool) -> None:
    path = generate(tmp_path / "it.git", commits=1200, branches=12, seed=int(with_file), wild=True)
    if with_file:
        assert git("commit-graph", "write", "--reachable", cwd=path).returncode == 0
    truth = Truth(path)
    middle = sorted(truth.times.values())[600]
    for query in (
        "ref=refs/heads/topic-0002&ref=refs/tags/v3",
        "first_parent=1",
        "author=Grace",
        f"after={middle}",
        f"before={middle}&merges=0",
    ):
        view = view_of(query)
        index = built(path, tmp_path, view)
        everything = window(index, 0, index.total)
        truth.check(everything, view)
        for at in (0, 1, index.total // 3, index.total - 2):
            seen = window(index, max(0, at), 40)
            assert seen["rows"] == everything["rows"][max(0, at) : max(0, at) + 40]
            passing: dict[tuple[int, int], bool] = {}
            for row in everything["rows"][: max(0, at)]:
                for nth, (parent, lane) in enumerate(zip(row["parents"], row["edges"], strict=True)):
                    if parent >= max(0, at):
                        skipped = nth in row.get("skipped", ())
                        passing[lane, parent] = passing.get((lane, parent), True) and skipped
            assert seen["passing"] == sorted([*edge, *([1] if skipped else [])] for edge, skipped in passing.items())


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("first_parent=yes", "first_parent"),
        ("merges=2", "merges"),
        ("path=a//b", "path"),
        ("path=../b", "path"),
        ("path=a%00b", "path"),
        ("path=" + "x" * 5000, "path"),
        ("author=" + "x" * 300, "author"),
        ("after=yesterday", "after"),
        ("before=2024-13-01", "before"),
        ("before=99999999999999999999", "before"),
        ("after=20&before=10", "before"),
        ("ref=a%0ab", "ref"),
        ("&".join(f"ref=refs/heads/{n}" for n in range(60)), "ref"),
    ],
)
def test_bad_values_are_named(query: str, field: str) -> None:
    with pytest.raises(BadRequest) as caught:
        view_of(query)
    assert caught.value.field == field


def test_a_view_is_the_same_however_it_is_written() -> None:
    assert view_of("").whole
    assert view_of("merges=1&first_parent=0&path=/&author=").whole
    assert view_of("ref=b&ref=a&ref=a&ref=").digest == view_of("ref=a&ref=b").digest
    assert view_of("after=2024-05-31").after == 1717113600
    assert view_of("path=/lib/a/").path == "lib/a"


async def whole_view(client: Client, query: str) -> dict[str, Any]:
    """Every row of a view, over HTTP, waited for as a page does."""
    for _ in range(200):
        graph = await client.graph(f"?rows=1000&{query}") if (await client.answer(f"?{query}")).status == 200 else None
        if graph:
            return graph
        await asyncio.sleep(0.1)
    raise AssertionError("the view was not built")


def test_views_over_http_follow_pushes_and_force_pushes(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        for number in range(6):
            commit(work, {f"{number % 2}.txt": str(number)}, f"Commit {number}")
        await client.push(work, "HEAD:main", "HEAD~2:refs/heads/old")
        await news.next()
        queries = ["ref=refs/heads/old", "path=1.txt", "first_parent=1&author=ada", "merges=0&ref=HEAD"]
        for _ in range(3):
            truth = Truth(client.repo.path)
            for query in queries:
                graph = await whole_view(client, query)
                view = view_of(query)
                assert graph["view"] == view.digest
                truth.check(
                    graph,
                    View(**{**vars(view), "refs": tuple(ref.replace("HEAD", "refs/heads/main") for ref in view.refs)}),
                )
                refs = await client.graph(f"/refs?{query}")
                assert refs["generation"] == graph["generation"]
                assert {ref["oid"] for ref in refs["refs"]} <= {row["oid"] for row in graph["rows"]}
            assert git("reset", "--quiet", "--hard", "HEAD~2", cwd=work).returncode == 0
            commit(work, {"1.txt": random.randbytes(4).hex()}, "Another way")
            await client.push(work, "HEAD:main")
            await news.next()

    run(test)


def test_an_answer_is_known_by_its_view(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        await news.next()
        await whole_view(client, "first_parent=1")
        plain, narrow = await client.answer(), await client.answer("?first_parent=1")
        assert plain.headers["etag"] != narrow.headers["etag"]
        assert (await client.answer("?first_parent=1", If_None_Match=narrow.headers["etag"])).status == 304
        missing = await client.answer("?ref=refs/heads/nowhere")
        assert (missing.status, missing.json()["field"]) == (404, "ref")

    run(test)


def test_a_push_elsewhere_leaves_a_views_answers_as_they_are(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main", "HEAD:refs/heads/still")
        await news.next()
        before = await whole_view(client, "ref=refs/heads/still&first_parent=1")
        commit(work, {"a": "2"})
        await client.push(work, "HEAD:refs/heads/other")
        await news.next()
        assert await whole_view(client, "ref=refs/heads/still&first_parent=1") == before

    run(test)


def test_views_go_with_their_repository(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        await news.next()
        await whole_view(client, "merges=0")
        files = it.host.config.data / "plugins" / "graph"
        assert [file for file in files.iterdir() if ".view-" in file.name]
        await it.host.repositories.delete(client.repo)
        async with asyncio.timeout(60):
            while [file for file in files.iterdir() if ".view-" in file.name]:  # noqa: ASYNC110 -- the file system tells nobody
                await asyncio.sleep(0.02)

    run(test)


def test_many_different_views_fill_neither_the_disk_nor_the_queue(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_store, "FILES", 3)
    monkeypatch.setattr(view_store, "BUILDS", 6)

    async def test(it: House) -> None:
        client, news, work = await Client.of(it, private=False), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        await news.next()
        for number in range(6):
            await whole_view(client, f"after={number}")
        files = it.host.config.data / "plugins" / "graph"
        assert sum(file.name.endswith(".rows") and ".view-" in file.name for file in files.iterdir()) == 3
        answer = await client.answer("?after=6")
        assert (answer.status, answer.json()["code"]) == (429, "too_many_requests")
        assert (await client.answer("?after=5")).status == 200
        commit(work, {"a": "2"})
        await client.push(work, "HEAD:main")
        await news.next()
        assert (await whole_view(client, "after=5"))["total"] == 2, "a view that follows pushes is none of many"

    run(test)


def test_a_view_that_nobody_waits_for_is_given_up(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_store, "FORGOTTEN", 0.01)
    monkeypatch.setattr(view_store, "PATIENCE", 0.01)

    async def test(it: House) -> None:
        client, news, work = await Client.of(it), News(it), tmp_path / "work"
        commit(work, {"a": "1"})
        await client.push(work, "HEAD:main")
        await news.next()
        answer = await client.answer("?merges=0")
        assert (answer.status, answer.json()["building"]) == (202, True)
        await asyncio.sleep(1)
        files = it.host.config.data / "plugins" / "graph"
        assert not [file for file in files.iterdir() if ".view-" in file.name]
        monkeypatch.setattr(view_store, "FORGOTTEN", 20.0)
        assert (await whole_view(client, "merges=0"))["total"] == 1

    run(test)
