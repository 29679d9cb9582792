"""A visitor who comes before it is known what a push has brought: an app's sources are never shown in its stead."""

from __future__ import annotations

import asyncio
import http.client
from typing import TYPE_CHECKING, Any

import pytest

from gitperch_preview import PreviewPlugin
from gitperch_preview.gateway import front
from support.house import runner
from support.previews import app
from support.server import commit

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_preview.conductor.records import Asked, Record
    from support.house import House


def asked(port: int) -> tuple[int, str]:
    """What somebody at a terminal gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/", headers={"Host": "main-shop.localhost", "Accept": "text/plain"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("when", ["before it is written down", "before it is held"])
def test_the_sources_of_an_app_are_not_shown_while_the_server_has_not_got_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setenv("GITPERCH_PREVIEWS_DISK_FREE", "1m")
    monkeypatch.setattr(front, "NEW_SECONDS", 0.3)
    commit(tmp_path / "work", {**app("the app"), "index.html": "the sources"})

    async def test(it: House) -> None:
        plugin = it.host.plugins.by_name["preview"]
        assert isinstance(plugin, PreviewPlugin)
        repo = await it.repository("shop", private=False)
        go_on, records = asyncio.Event(), plugin.conductor.stage.records
        really: Any = records.add

        async def late(new: Asked) -> Record:
            if when == "before it is written down":
                await go_on.wait()
            record: Record = await really(new)
            await go_on.wait()
            return record

        monkeypatch.setattr(records, "add", late)
        await it.host.git.run("fetch", "-q", str(tmp_path / "work"), "+refs/heads/main:refs/heads/main", path=repo.path)
        await it.host.refs.observe(repo, ["refs/heads/main"], actor="alice", source="push")
        async with asyncio.timeout(60):
            while "main" not in await plugin.hosts.previews(repo, ["main"]):  # noqa: ASYNC110 -- nobody tells
                await asyncio.sleep(0.02)
        for _ in range(3):
            status, text = await asyncio.to_thread(asked, it.port)
            assert status == 503
            assert "The server did not get to this site in time." in text
        go_on.set()
        async with asyncio.timeout(60):
            while (await asyncio.to_thread(asked, it.port)) != (200, "the app"):  # noqa: ASYNC110 -- as a browser asks
                await asyncio.sleep(0.02)

    runner(tmp_path / "data", monkeypatch, "gitperch_preview:PreviewPlugin")(test)
