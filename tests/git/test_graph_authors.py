"""A view of an author's commits comes from what search has written down, as far as that is there and right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph import build
from gitperch_graph.row_index import RowIndex
from gitperch_graph.search import build as texts_build
from gitperch_graph.search.segments import TEXTS
from gitperch_graph.shape import Shape
from gitperch_graph.views import authors
from gitperch_graph.views import build as view_build
from gitperch_graph.views.view import View
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path


def shown(path: Path, folder: Path, view: View) -> set[str]:
    view_build.build(path, folder / "1.rows", folder / "view.rows", view, texts=folder)
    index = RowIndex.open(folder / "view.rows", path)
    return set(index.oids(0, index.total))


def written(path: Path, who: str) -> set[str]:
    listed = git("log", "--branches", "--tags", "--encoding=UTF-8", "--format=%H %an <%ae>", cwd=path).stdout
    return {line[:40] for line in listed.splitlines() if who.casefold() in line[41:].casefold()}


@pytest.mark.parametrize("kept", ["nothing", "some", "all", "damaged", "of others", "more than there is"])
def test_whatever_is_written_down(tmp_path: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = generate(tmp_path / "it.git", commits=2600, branches=9, seed=4, wild=True)
    assert git("commit-graph", "write", "--reachable", cwd=path).returncode == 0
    build.build(path, tmp_path / "1.rows")
    oids = Shape.of_index(RowIndex.open(tmp_path / "1.rows", path)).all_oids()
    for module in (authors, texts_build):
        monkeypatch.setattr(module, "ROWS", 1000, raising=False)
    bounds = (
        []
        if kept == "nothing"
        else [(0, 1000), (1000, 1400)]
        if kept == "some"
        else [(0, 1000), (1000, 2000), (2000, 2600)]
    )
    for number, (low, high) in enumerate(bounds):
        here = oids[low:high][::-1] if kept == "of others" and number == 1 else oids[low:high]
        texts_build.make(path, tmp_path, TEXTS, number, 20, here.tobytes())
    if kept == "damaged":
        file = TEXTS.file(tmp_path, 1)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif kept == "more than there is":
        assert git("update-ref", "refs/heads/main", "main~5", cwd=path).returncode == 0
        build.build(path, tmp_path / "1.rows")
    for who in ("ADA", "hopper <grace@", "nobody"):
        assert shown(path, tmp_path, View(author=who)) == written(path, who)
    assert shown(path, tmp_path, View(author="ada", merges=False)) < written(path, "ada")
