"""Fixtures for all tests: a real server for each file of tests, and one of its own for a test that breaks things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of every kind side by side, so that those that wait for containers run beside those that keep a processor busy; the
    short ones of `unit` come last, so that no worker is left alone with a long one."""
    kinds: dict[Path, list[Path]] = {}
    for file in dict.fromkeys(item.path for item in items):
        kinds.setdefault(file.parent, []).append(file)
    places = {
        file: (folder.name == "unit", nth / len(files), str(file))
        for folder, files in kinds.items()
        for nth, file in enumerate(files)
    }
    items.sort(key=lambda item: places[item.path])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that the tests of one file share; use names of your own in it."""
    yield from _running(tmp_path_factory.mktemp("server"))


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A running server for this test alone, to be killed, restarted or configured."""
    yield from _running(tmp_path / "own")


def _running(folder: Path) -> Iterator[Server]:
    folder.mkdir(exist_ok=True)
    server = Server(folder / "data")
    server.start()
    try:
        yield server
    finally:
        server.stop()
