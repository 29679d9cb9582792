"""A stream of lines goes on while somebody reads it, and its git ends when nobody does."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Any

from gitperch.config import GitSettings
from gitperch.errors import NotFound
from gitperch.git import Git
from gitperch.pages.ndjson import Ndjson
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
    from pathlib import Path

SCOPE = {"type": "http", "method": "GET", "headers": [], "client": ("127.0.0.1", 1)}


async def answer(
    lines: AsyncGenerator[dict[str, Any]], runner: Git, leave: asyncio.Event, scope: dict[str, Any] | None = None
) -> list[Any]:
    """What is sent to a client that leaves when it is told to."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await Ndjson(runner, lines, {})(scope or SCOPE, receive, send)
    return sent


def run(tmp_path: Path, test: Callable[[Git], Awaitable[None]]) -> None:
    async def inside() -> None:
        runner = Git(GitSettings(), tmp_path / "runner")
        runner.prepare()
        try:
            async with asyncio.timeout(60):
                await test(runner)
            assert runner.children.taken == 0
        finally:
            runner.close()

    asyncio.run(inside())


def test_git_ends_when_the_client_leaves_in_the_middle(tmp_path: Path) -> None:
    commit(tmp_path / "work", {"a": "1"})

    async def test(runner: Git) -> None:
        leave = asyncio.Event()
        running: list[asyncio.subprocess.Process] = []

        async def lines() -> AsyncGenerator[dict[str, Any]]:
            """From a git that never ends by itself."""
            async with runner.stream("cat-file", "--batch", path=tmp_path / "work" / ".git") as process:
                running.append(process)
                yield {"pid": process.pid}
                assert process.stdout
                await process.stdout.read()

        asking = asyncio.ensure_future(answer(lines(), runner, leave))
        while not running:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert running[0].returncode is None
        assert runner.children.taken == 1
        leave.set()
        sent = await asking
        assert running[0].returncode is not None
        assert sent[0]["status"] == 200

    run(tmp_path, test)


def test_lines_come_before_the_end_and_what_goes_wrong_is_the_last(tmp_path: Path) -> None:
    async def test(runner: Git) -> None:
        async def lines() -> AsyncGenerator[dict[str, Any]]:
            yield {"n": 1}
            await asyncio.sleep(0.15)
            yield {"n": 2}
            raise NotFound("It is gone.")

        sent = await answer(lines(), runner, asyncio.Event())
        bodies = [message["body"] for message in sent if message["type"] == "http.response.body"]
        assert json.loads(bodies[0]) == {"n": 1}
        said = [json.loads(line) for line in b"".join(bodies).splitlines()]
        assert said == [{"n": 1}, {"n": 2}, {"error": "It is gone."}]
        assert not sent[-1]["more_body"]
        packed = await answer(lines(), runner, asyncio.Event(), SCOPE | {"headers": [(b"accept-encoding", b"gzip")]})
        whole = b"".join(message["body"] for message in packed if message["type"] == "http.response.body")
        assert gzip.decompress(whole) == b"".join(bodies)

    run(tmp_path, test)
