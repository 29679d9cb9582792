"""A bench to run apps on: as isolated as this machine allows, and with less."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.runners.process import cell, cgroups
from support.house import runner
from support.processes import Bench, Run, Test, marked

if TYPE_CHECKING:
    from pathlib import Path

    from support.house import House


@pytest.fixture
def benched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test with a bench, and sees to it that the runner leaves no process."""
    run = runner(tmp_path / "data", monkeypatch)

    def with_bench(test: Test) -> None:
        async def inside(house: House) -> None:
            bench = await Bench.make(house, tmp_path / "bench")
            try:
                await test(bench)
            finally:
                await bench.runner.close()
                for thing in await bench.runner.things():
                    await bench.runner.remove(thing)
            assert not marked(bench)
            assert await bench.runner.things() == []

        run(inside)

    return with_bench


@pytest.fixture(params=["all there is", "no bubblewrap", "nothing"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How much of what isolates is there."""
    lacking = {"all there is": (), "no bubblewrap": ("bwrap",), "nothing": ("bwrap", "setpriv")}[request.param]
    if request.param == "no bubblewrap" and os.geteuid():
        pytest.skip("only root can give an app a user of its own")
    if request.param == "nothing" and not os.geteuid():
        pytest.skip("apps do not run as root")
    there = cgroups.works

    async def works(*command: str) -> bool:
        return command[0] not in lacking and await there(*command)

    monkeypatch.setattr(cell, "works", works)
    return str(request.param)
