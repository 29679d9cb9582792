"""A bench to run apps on: as isolated as this machine allows, and with less. Servers with impatient previews, and sites on them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.runners.process import cell, cgroups
from support.house import runner
from support.previews import QUICK, Site
from support.processes import Bench, Run, Test, lack, marked
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.house import House


@pytest.fixture
def benched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test with a bench, and sees to it that the runner leaves nothing."""
    return _benched(tmp_path, monkeypatch, "sha1")


@pytest.fixture
def benched_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same with a repository of SHA-256."""
    return _benched(tmp_path, monkeypatch, "sha256")


def _benched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, object_format: str) -> Run:
    run = runner(tmp_path / "data", monkeypatch)

    def with_bench(test: Test) -> None:
        async def inside(house: House) -> None:
            bench = await Bench.make(house, tmp_path / "bench", object_format)
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
    monkeypatch.setattr(cell, "works", cgroups.works)  # and back afterwards
    lack(*lacking)
    monkeypatch.setattr(Bench, "lacking", lacking)
    return str(request.param)


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that the tests of one file share."""
    server = Server(tmp_path_factory.mktemp("apps") / "data", settings=dict(QUICK))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_apps(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with settings of the test's own."""
    made: list[Server] = []

    def start(**settings: object) -> Server:
        given = {f"GITPERCH_PREVIEWS_{name.upper()}": str(value) for name, value in settings.items()}
        server = Server(tmp_path / f"server{len(made)}" / "data", settings=QUICK | given)
        server.data.parent.mkdir()
        made.append(server)
        server.start()
        return server

    yield start
    for server in made:
        server.stop()


@pytest.fixture
def site(apps: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(apps, tmp_path, request.node.name.removeprefix("test_").replace("_", "-")[:30].strip("-"))
