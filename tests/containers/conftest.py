"""Fixtures for tests with containers: a real Docker engine, started once for a worker; the base image is made once and cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import engine as engines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.engine import Engine


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """The engine. `engine` is what a test asks for."""
    why = engines.why_not()
    if why:
        pytest.skip(why)
    engine = engines.take()
    try:
        engine.open()
        yield engine
    finally:
        engine.close()


@pytest.fixture(scope="module")
def engine(docker: Engine) -> Iterator[Engine]:
    """The engine, with the tests of one file beside it in its network: what these start can reach containers, and they it."""
    docker.enter()
    try:
        yield docker
    finally:
        docker.leave()


@pytest.fixture(autouse=True)
def _nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a test leaves on the engine goes before the next."""
    yield
    if "engine" in request.fixturenames:
        engine: Engine = request.getfixturevalue("engine")
        if not engine.process:
            engine.start()
        engine.clear()
