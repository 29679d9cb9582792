"""Names of refs while somebody types, and the parents and children of any commit: asked over HTTP, held to git's own account."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph import ref_names
from gitperch_graph.refs import Ref, Refs, RefTable
from support.graph import facts
from support.graph_client import Client
from support.house import House, Test, runner
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


def test_every_commit_knows_its_parents_and_children(run: Callable[[Test], None], tmp_path: Path) -> None:
    source = generate(tmp_path / "source.git", commits=400, branches=12, seed=9, wild=True)
    known = facts(source)
    children = defaultdict(set)
    for oid, parents in known.parents.items():
        for parent in parents:
            children[parent].add(oid)

    async def test(it: House) -> None:
        client = await Client.of(it, source)
        rows = {row["oid"]: row for row in (await client.whole())["rows"]}
        for oid in known.order[::3]:
            told = await client.graph(f"/kin?oid={oid}")
            assert [one["oid"] for one in told["parents"]] == known.parents[oid]
            assert {one["oid"] for one in told["children"]} == children[oid]
            assert not told["more"]
            for one in told["parents"] + told["children"]:
                row = rows[one["oid"]]
                assert (one["row"], one["subject"], one["author"]) == (row["row"], row["subject"], row["author"])

    run(test)


def test_a_commit_that_everything_begins_at_tells_its_first_children(
    run: Callable[[Test], None], tmp_path: Path
) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "a"}, "Root")
    stream = "".join(
        f"commit refs/heads/b{number}\ncommitter A <a@b> {1_800_000_000 + number} +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
        for number in range(60)
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=work, input=stream.encode(), check=True)

    async def test(it: House) -> None:
        client = await Client.of(it, work / ".git")
        root = git("rev-parse", "main", cwd=work).stdout.strip()
        told = await client.graph(f"/kin?oid={root[:12]}")
        assert (len(told["children"]), told["more"], told["parents"]) == (50, True, [])

    run(test)


def test_refs_are_found_by_what_is_typed_the_likeliest_first(run: Callable[[Test], None], tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "a"}, "One")
    for name in ("fix", "feature/fix-it", "prefix", "fixture", "other"):
        git("branch", name, cwd=work)
    git("tag", "fix-1.0", cwd=work)

    async def test(it: House) -> None:
        client = await Client.of(it, work / ".git")
        told = await client.graph("/names?q=FIX")
        names = [ref["name"].removeprefix("refs/") for ref in told["refs"]]
        assert names == ["heads/fix", "heads/fixture", "tags/fix-1.0", "heads/feature/fix-it", "heads/prefix"]
        assert told["count"] == 5
        assert (await client.graph("/names?q=it+fix"))["count"] == 1
        assert (await client.graph("/names"))["refs"][0]["name"] == "refs/heads/main"
        assert (await client.graph("/names?q=nothing"))["refs"] == []

    run(test)


def test_among_very_many_refs_the_likeliest_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ref_names, "AT_MOST", 100)
    monkeypatch.setattr(ref_names, "_LOOKS", 400)
    monkeypatch.setattr(ref_names, "_PIECE", 7)
    names = [f"refs/{'heads' if number % 3 else 'tags'}/team-{number % 50}/work-{number}" for number in range(3000)]
    refs = [
        Ref(name, "0" * 40, number)
        for number, name in enumerate([*names, "refs/heads/zebra-team-1", "refs/heads/work"])
    ]
    moved = {"refs/heads/team-1/work-1": None, "refs/heads/work-late": Ref("refs/heads/work-late", "1" * 40, 9000)}
    index = SimpleNamespace(refs=Refs(RefTable.of(refs, 20), moved), head="refs/heads/work")

    def found(text: str) -> ref_names.Found:
        return ref_names.matching(index, text, 5)  # type: ignore[arg-type]

    assert [ref.name for ref in found("work").refs[:2]] == ["refs/heads/work", "refs/heads/work-late"]
    assert found("work").more
    assert [ref.name for ref in found("zebra").refs] == ["refs/heads/zebra-team-1"]
    assert (found("zebra").count, found("zebra").more) == (1, False)
    assert [ref.name for ref in found("team-7/work-2957").refs] == ["refs/heads/team-7/work-2957"]
    assert found("team-1/work-1").refs[0].name != "refs/heads/team-1/work-1", "it is gone"
    assert found("heads").refs == [], "the folder is not part of a name"
    assert found("").refs[0].name == "refs/heads/work"
    assert found("work team-49 1").count > 0


def test_what_cannot_be_asked_is_said(run: Callable[[Test], None], tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "a"}, "One")

    async def test(it: House) -> None:
        client = await Client.of(it, work / ".git")
        for path, status, field in (
            ("/kin?oid=xyz", 400, "oid"),
            ("/kin", 400, "oid"),
            ("/kin?oid=" + "0" * 40, 404, "oid"),
            ("/names?q=" + "a" * 300, 400, "q"),
        ):
            answer = await client.answer(path)
            assert (answer.status, answer.json()["field"]) == (status, field), path
        assert (await client.answer("/names", Authorization="")).status == 401

    run(test)
