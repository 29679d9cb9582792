"""One socket for a list of repositories: what happens in each, which of them it is, and nothing of those that may not be read."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gitperch_graph.events import GraphChanged
from support.house import House, Test, runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    return runner(tmp_path / "data", monkeypatch, "gitperch_live:LivePlugin")


def live(it: House, *names: str, after: int | None = None, **headers: str) -> connect:
    query = urlencode(
        [("repository", f"alice/{name}") for name in names] + ([("after", after)] if after is not None else [])
    )
    return connect(
        f"ws://127.0.0.1:{it.port}/api/live?{query}", additional_headers=headers, close_timeout=1, proxy=None
    )


async def told(socket: Any) -> dict[str, Any]:
    async with asyncio.timeout(60):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def changed(it: House, repo_id: int, total: int) -> int:
    async with it.host.db.write() as tx:
        event = await it.host.events.record(
            GraphChanged(repo_id=repo_id, generation="g", total=total, added=1, refs=[]), tx
        )
    it.host.events.wake(event)
    return event.id


def test_each_event_says_where_it_is_from_and_none_is_missed_or_told_twice(run: Any) -> None:
    async def test(it: House) -> None:
        one, two = [await it.repository(name, private=False) for name in ("one", "two")]
        begun = await changed(it, one.id, 1)
        missed = [await changed(it, repo.id, n) for n, repo in enumerate((two, one), 2)]
        async with live(it, "one", "two", after=begun) as socket:
            assert await told(socket) == {"id": missed[-1], "type": "hello"}
            caught = [await told(socket) for _ in missed]
            last = await changed(it, two.id, 9)
            caught.append(await told(socket))
        assert [(each["id"], each["repository"], each["total"]) for each in caught] == [
            (missed[0], "alice/two", 2),
            (missed[1], "alice/one", 3),
            (last, "alice/two", 9),
        ]

    run(test)


def test_what_may_not_be_read_is_left_out_and_what_may_not_be_any_more_ends_the_socket(run: Any) -> None:
    async def test(it: House) -> None:
        shown, hidden = await it.repository("shown", private=False), await it.repository("hidden")
        async with live(it, "shown", "hidden", "missing") as socket:
            assert (await told(socket))["type"] == "hello"
            await changed(it, hidden.id, 1)
            await changed(it, shown.id, 2)
            assert (await told(socket))["repository"] == "alice/shown"
            await it.host.repositories.change(shown, private=True)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await told(socket)
            assert socket.close_code == 1012
        async with live(it, "shown") as socket:
            assert await told(socket) == {"id": 0, "type": "hello"}

    run(test)


def test_a_list_is_bounded(run: Any) -> None:
    async def test(it: House) -> None:
        for names in ((), [str(n) for n in range(51)]):
            with pytest.raises(InvalidStatus) as refused:
                await live(it, *names)
            assert refused.value.response.status_code == 400

    run(test)
