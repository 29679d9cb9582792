"""Fixtures for all tests: a real server for each file of tests, and one of its own for a test that breaks things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
