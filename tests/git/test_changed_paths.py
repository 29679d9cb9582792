"""git's commit-graph file knows which paths each commit changed, so that the history of one path need not look into all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitperch.maintenance import layers
from support.house import runner
from support.server import commit
from support.upkeep import check, push

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.house import House, Test


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, seconds=60)


def newest_layer(path: Path) -> bytes:
    folder = path / "objects" / "info" / "commit-graphs"
    return (folder / f"graph-{(folder / 'commit-graph-chain').read_text().split()[-1]}.graph").read_bytes()


def test_upkeep_notes_changed_paths_and_pushes_go_on_with_it(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1", "b/c": "2"})
        push(work, repo)
        await it.host.upkeep.commit_graph(repo)
        assert layers.lack_paths(repo.path)
        assert "changed paths noted" in await it.host.upkeep.now(repo)
        assert not layers.lack_paths(repo.path)
        commit(work, {"b/c": "3"})
        push(work, repo)
        await it.host.upkeep.commit_graph(repo)
        assert layers.count(repo.path) == 2
        assert b"BDAT" in newest_layer(repo.path)
        check(repo.path)
        assert "changed paths noted" not in await it.host.upkeep.now(repo)

    run(test)


def test_a_repository_without_trees_is_looked_after_all_the_same(run: Callable[[Test], None], tmp_path: Path) -> None:
    async def test(it: House) -> None:
        repo, work = await it.repository(), tmp_path / "work"
        commit(work, {"a": "1"})
        oid = commit(work, {"a": "2"})
        push(work, repo)
        await it.host.upkeep.commit_graph(repo)
        for pack in (repo.path / "objects").rglob("*"):
            if pack.is_file() and len(pack.parent.name) == 2 and pack.parent.name + pack.name != oid:
                pack.unlink()
        await it.host.upkeep.commit_graph(repo)
        layers_before = newest_layer(repo.path)
        assert not await it.host.upkeep._note_paths(repo)
        assert not await it.host.upkeep._note_paths(repo)
        assert newest_layer(repo.path) == layers_before

    run(test)
