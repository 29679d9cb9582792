"""Who may read a log is asked again while it is followed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch_preview.logs import Logs, stream
from support.house import runner

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.house import House


def test_a_log_ends_for_a_follower_who_may_not_write_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "ASK_SECONDS", 0.3)

    async def test(it: House) -> None:
        repo, token = await it.repository(), await it.token("bob")
        async with it.host.db.write() as tx:
            await tx.execute(
                "INSERT INTO collaborators SELECT ?, id, 'write' FROM users WHERE name = 'bob'", (repo.id,)
            )
            number = await tx.insert(
                "INSERT INTO preview_deployments (repo_id, branch, oid, runner, state, recipe, source, created_at) "
                "VALUES (?, 'main', '', 'process', 'ready', '{}', 'push', 0)",
                (repo.id,),
            )
        path = Logs(it.host.folder("preview") / "logs").path(repo.id, number)
        path.parent.mkdir(parents=True)
        path.write_text("one\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        address = "/api/repos/alice/thing/previews/main/log?follow=1"
        writer.write(f"GET {address} HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {token}\r\n\r\n".encode())
        said = await reader.readuntil(b"one\n")
        assert said.startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.8)
        path.write_text("one\ntwo\n")
        await reader.readuntil(b"two\n")
        async with it.host.db.write() as tx:
            await tx.execute("DELETE FROM collaborators")
        await asyncio.sleep(0.8)
        path.write_text("one\ntwo\nthree\n")
        async with asyncio.timeout(60):
            rest = await reader.read()
        writer.close()
        assert b"three" not in rest
        assert not rest.endswith(b"0\r\n\r\n"), "nobody is to take it for all there is"

    runner(tmp_path / "data", monkeypatch, "gitperch_preview:PreviewPlugin")(test)
