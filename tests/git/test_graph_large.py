"""What only large histories have: hundreds of lanes, a hundred thousand refs, layers that git merges under an open index."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pygit2
import pytest
from contrib.bench.histories import generate

from gitperch_graph import build, kin
from gitperch_graph.extend import extended
from gitperch_graph.objects import reader
from gitperch_graph.row_index import RowIndex
from support.graph import check, check_windows, facts, whole
from support.graph_client import Client, News
from support.house import House, Test, runner
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@pytest.mark.parametrize("typecode", ["H", "I"])
def test_a_history_of_500_lanes_and_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typecode: str) -> None:
    monkeypatch.setattr(build, "NARROW", typecode)  # the wider one is for more lanes than any test should have
    path = generate(tmp_path / "it.git", commits=4000, branches=1200, seed=1, wild=True)
    build.build(path, tmp_path / "index.rows")
    index = RowIndex.open(tmp_path / "index.rows", path)
    assert index.base
    assert index.lanes > 500
    assert index.base.typecode == typecode
    check(whole(index), facts(path))
    check_windows(index, [0, 700, index.total - index.floor, index.total - 3 * index.base.stride, 3990], 200)


def test_children_are_found_wherever_they_are(tmp_path: Path) -> None:
    path = generate(tmp_path / "it.git", commits=4000, branches=300, seed=2, wild=True)
    build.build(path, tmp_path / "index.rows")
    index = RowIndex.open(tmp_path / "index.rows", path)
    children: dict[str, set[str]] = {}
    for oid, parents in facts(path).parents.items():
        for parent in parents:
            children.setdefault(parent, set()).add(oid)
    for height in range(0, index.total, 7):
        found, more = kin.children(index, height)
        assert not more
        assert {index.oid(child) for child in found} == children.get(index.oid(height), set())


def test_a_push_to_a_hundred_thousand_refs_looks_at_its_own_alone(tmp_path: Path) -> None:
    path = generate(tmp_path / "it.git", commits=400, branches=2)
    oids = facts(path).order
    lines = [f"{random.Random(n).choice(oids)} refs/tags/v{n:06}\n" for n in range(100_000)]
    git("pack-refs", "--all", cwd=path)
    with (path / "packed-refs").open("r+") as packed:
        head, *before = packed.readlines()
        packed.seek(0)
        packed.write(head)
        packed.writelines([line for line in before if "refs/heads" in line] + lines)
        packed.truncate()
    build.build(path, tmp_path / "index.rows")
    index = RowIndex.open(tmp_path / "index.rows", path)
    assert len(index.refs) == 100_003
    repository = pygit2.Repository(str(path))
    person = pygit2.Signature("Ada", "ada@example.com", 2_000_000_000, 0)
    tree = repository.TreeBuilder().write()
    new = str(repository.create_commit(None, person, person, "new", tree, [oids[0]]))
    moves = {"refs/heads/new": new, "refs/tags/v000007": None, "refs/tags/v000008": oids[3]}
    after = extended(index, index.head, moves, reader(repository))
    assert after
    assert after.refs.table is index.refs.table
    assert list(after.refs.moved) == list(moves)
    assert len(after.refs) == 100_003
    assert after.refs.at(400) == ["refs/heads/new"]
    assert after.refs.get("refs/tags/v000007") is None
    height = after.height(oids[3])
    assert height is not None
    assert "refs/tags/v000008" in after.refs.at(height)
    listed = "".join(f"{ref.target} {ref.name}\n" for ref in after.refs)
    assert after.refs.differences(listed.encode()) == {}
    earlier = "".join(f"{ref.target} {ref.name}\n" for ref in index.refs)
    assert after.refs.differences(earlier.encode()) == {
        name: ref.target if (ref := index.refs.get(name)) else None for name in moves
    }


def test_layers_that_git_merges_leave_the_page_in_peace(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=3200, branches=10, seed=6)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        graphs = it.host.plugins.by_name["graph"].graphs  # type: ignore[attr-defined]  # the plugin's own
        before, index = await client.whole(), await graphs.index(client.repo)
        layers = index.base.graph.checksums
        done = git("commit-graph", "write", "--reachable", "--split=replace", "--no-progress", cwd=client.repo.path)
        assert done.returncode == 0, done.stderr
        assert git("branch", "another", "main~3", cwd=client.repo.path).returncode == 0
        git("commit-graph", "write", "--reachable", "--split=replace", cwd=client.repo.path)
        (client.repo.path / "objects" / "info" / "commit-graph").unlink(missing_ok=True)
        assert (await client.graph("?at=2000&rows=50"))["rows"] == before["rows"][2000:2050]
        await graphs.settle(client.repo)
        after = await graphs.index(client.repo)
        assert after.base.checksum != index.base.checksum or after.base.graph.checksums == layers
        shown = await client.whole()
        assert [row | {"refs": []} for row in shown["rows"]] == [row | {"refs": []} for row in before["rows"]]

    run(test)


def test_a_long_row_of_pushes_ends_in_a_base(
    run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = generate(tmp_path / "source.git", commits=2990, branches=4, seed=6)

    async def test(it: House) -> None:
        news = News(it)
        client = await Client.of(it, source)
        await news.next()
        graphs = it.host.plugins.by_name["graph"].graphs  # type: ignore[attr-defined]  # the plugin's own
        assert (await graphs.index(client.repo)).base is None
        tree = git("rev-parse", "main^{tree}", cwd=client.repo.path).stdout.strip()
        tip = "main"
        for _ in range(100):
            tip = git("commit-tree", tree, "-p", tip, "-m", "one more", cwd=client.repo.path).stdout.strip()
        git("update-ref", "refs/heads/main", tip, cwd=client.repo.path)
        await it.host.refs.observe(client.repo, source="test")
        assert (await news.next()).added == 100
        before = await client.whole()
        async with asyncio.timeout(60):
            while (await graphs.index(client.repo)).base is None:  # noqa: ASYNC110 -- nobody is told, and that is the point
                await asyncio.sleep(0.1)
        after = await client.whole()
        assert after == before
        check(after, facts(client.repo.path))

    run(test)
