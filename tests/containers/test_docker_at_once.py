"""Two of this server's own are at work on one engine at once: neither takes away what the other needs, nor fails by what it took."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from support.yard import SERVES, inside_yard

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.engine import Engine
    from support.yard import Yard


def test_what_goes_goes_once_and_what_works_for_a_moment_stays(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(it: Yard) -> None:
        deployment, log = await it.push({"app.py": SERVES})
        await it.up(deployment, log)
        labels = it.runner._names.labels_alone
        made = engine.call("POST", "/containers/create", {"Image": engine.image, "Cmd": ["true"], "Labels": labels})[1]
        assert made["Id"] not in {thing.name for thing in await it.runner.things()}
        await asyncio.gather(*(it.runner.discard(deployment.id) for _ in range(4)))
        assert [thing.kind for thing in await it.runner.things() if thing.deployment_id == deployment.id] == []

    inside_yard(engine, tmp_path, monkeypatch)(test)
