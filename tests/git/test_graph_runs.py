"""A branch as it is drawn, from its newest commit to the one that it began from: what the server says is what its rows show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from contrib.bench.histories import generate

from gitperch_graph import runs
from support.graph_client import Client
from support.house import House, Test, runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_graph:GraphPlugin")


@pytest.mark.parametrize("near", [2048, 2])
def test_the_run_of_every_commit_is_that_of_its_rows(
    near: int, run: Callable[[Test], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_NEAR", near)
    monkeypatch.setattr(runs, "_PIECE", 1 if near == 2 else 128)
    source = generate(tmp_path / "source.git", commits=300, branches=12, seed=4, wild=True)

    async def test(it: House) -> None:
        client = await Client.of(it, source)
        rows = (await client.whole())["rows"]
        above = {}  # the child in the same lane whose first parent a row is
        for row in reversed(rows):
            if row["parents"] and rows[row["parents"][0]]["lane"] == row["lane"]:
                above[row["parents"][0]] = row

        for row in rows[::3]:
            first = last = row
            while first["row"] in above:
                first = above[first["row"]]
            while last["parents"] and last["parents"][0] >= 0 and rows[last["parents"][0]]["lane"] == row["lane"]:
                last = rows[last["parents"][0]]
            base = last["parents"][0] if last["parents"] and last["parents"][0] >= 0 else None
            told = await client.graph(f"/run?oid={row['oid']}")
            assert told | {"generation": ""} == {
                "generation": "",
                "lane": row["lane"],
                "first": first["row"],
                "last": last["row"],
                "base": base,
            }
        assert (await client.answer("/run?oid=xyz")).status == 400

    run(test)
