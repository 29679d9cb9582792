"""What happens on the server reaches every open page: in order, nothing twice, nothing missed, nobody held up by another."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gitperch.events import Event
from support.house import House, Test, runner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from gitperch.repositories import Repository


@dataclass(frozen=True, kw_only=True)
class Chirped(Event):
    kind: ClassVar[str] = "test.chirped"
    live: ClassVar[bool] = True
    song: str


@dataclass(frozen=True, kw_only=True)
class Brooded(Event):
    kind: ClassVar[str] = "test.brooded"
    eggs: int


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    """Run a test inside an application whose only plugin is the one under test."""
    return runner(tmp_path / "data", monkeypatch, "gitperch_live:LivePlugin")


@contextlib.asynccontextmanager
async def listening(
    it: House, repo: Repository, after: int | None = None, **options: Any
) -> AsyncIterator[ClientConnection]:
    query = "" if after is None else f"?after={after}"
    address = f"ws://127.0.0.1:{it.port}/api/repos/{repo.full_name}/live{query}"
    headers = {"Authorization": f"Bearer {await it.token()}"}
    async with connect(address, additional_headers=headers, close_timeout=1, **options) as socket:
        yield socket


async def take(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        message: dict[str, Any] = json.loads(await socket.recv())
        return message


async def say(socket: ClientConnection, texts: list[str]) -> None:
    with contextlib.suppress(ConnectionClosed):
        for text in texts:
            await socket.send(text)


async def take_until(socket: ClientConnection, event_id: int) -> list[dict[str, Any]]:
    """Everything up to the message with this id."""
    taken = [await take(socket)]
    while taken[-1]["id"] != event_id:
        taken.append(await take(socket))
    return taken


def test_a_page_is_greeted_with_the_newest_event_and_then_told_what_happens(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        first = await it.host.events.record(Chirped(repo_id=repo.id, song="before"))
        async with listening(it, repo) as socket:
            assert await take(socket) == {"id": first.id, "type": "hello"}
            event = await it.host.events.record(Chirped(repo_id=repo.id, song="tsee"))
            assert await take(socket) == {"id": event.id, "type": "test.chirped", "song": "tsee"}
            await it.host.events.announce(Chirped(repo_id=repo.id, song="in passing"))
            assert await take(socket) == {"id": event.id, "type": "test.chirped", "song": "in passing"}

    run(test)


def test_silence_is_broken_by_a_beat(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitperch_live.socket.BEAT_SECONDS", 0.05)

    async def test(it: House) -> None:
        repo = await it.repository()
        first = await it.host.events.record(Chirped(repo_id=repo.id, song="once"))
        async with listening(it, repo, after=0) as socket:
            assert [(await take(socket))["type"] for _ in range(3)] == ["hello", "test.chirped", "beat"]
            assert await take(socket) == {"id": first.id, "type": "beat"}

    run(test)


def test_events_that_are_not_live_or_of_another_repository_stay_where_they_are(run: Any) -> None:
    async def test(it: House) -> None:
        repo, other = await it.repository(), await it.repository("other")
        async with listening(it, repo, after=0) as socket:
            await take(socket)
            await it.host.events.record(Brooded(repo_id=repo.id, eggs=6))
            await it.host.events.record(Chirped(repo_id=other.id, song="next door"))
            event = await it.host.events.record(Chirped(repo_id=repo.id, song="here"))
            assert await take(socket) == {"id": event.id, "type": "test.chirped", "song": "here"}

    run(test)


def test_a_page_that_comes_back_gets_what_it_missed_and_only_that(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        events = [await it.host.events.record(Chirped(repo_id=repo.id, song=str(n))) for n in range(6)]
        await it.host.events.record(Brooded(repo_id=repo.id, eggs=1))
        async with listening(it, repo, after=events[2].id) as socket:
            assert (await take(socket))["type"] == "hello"
            assert [m["song"] for m in await take_until(socket, events[5].id)] == ["3", "4", "5"]

    run(test)


def test_catching_up_leaves_no_gap_and_no_double_while_events_keep_coming(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        start = (await it.host.events.record(Chirped(repo_id=repo.id, song="start"))).id
        recorded: list[int] = []

        async def sing() -> None:
            for n in range(150):
                recorded.append((await it.host.events.record(Chirped(repo_id=repo.id, song=str(n)))).id)
                await asyncio.sleep(0.002)

        singing = asyncio.create_task(sing())
        heard: list[list[int]] = []

        async def page(delay: float) -> None:
            await asyncio.sleep(delay)
            async with listening(it, repo, after=start) as socket:
                assert (await take(socket))["type"] == "hello"
                await singing
                heard.append([m["id"] for m in await take_until(socket, recorded[-1])])

        await asyncio.gather(*(page(n * 0.03) for n in range(8)))
        assert all(ids == recorded for ids in heard)

    run(test)


def test_a_page_that_was_away_for_too_long_is_told_to_ask_anew(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        events = [await it.host.events.record(Chirped(repo_id=repo.id, song=str(n))) for n in range(202)]
        async with listening(it, repo, after=events[0].id) as socket:
            assert await take(socket) == {"id": events[-1].id, "type": "hello"}
            assert await take(socket) == {"id": events[-1].id, "type": "resync"}
            event = await it.host.events.record(Chirped(repo_id=repo.id, song="and on"))
            assert (await take(socket))["id"] == event.id

    run(test)


def test_attack_22_a_stalled_client_holds_up_nobody_and_is_told_to_resync(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        long_song = secrets.token_hex(30_000)
        # It takes one message and reads no more: what the server sends piles up in the kernel, then in its mailbox.
        async with listening(it, repo, max_queue=1, compression=None) as stalled, listening(it, repo) as lively:
            await take(lively)
            slowest = 0.0
            for _ in range(250):
                sung_at = time.monotonic()
                event = await it.host.events.record(Chirped(repo_id=repo.id, song=long_song))
                assert (await take(lively))["id"] == event.id
                slowest = max(slowest, time.monotonic() - sung_at)
            assert slowest < 1.0
            heard = await take_until(stalled, event.id)
            kinds = [message["type"] for message in heard]
            assert "resync" in kinds
            after = heard[kinds.index("resync") :]
            told = [message["id"] for message in after]
            assert told == sorted(told) and told[-1] == event.id
            assert len(heard) < 250

    run(test)


def test_a_client_that_talks_too_much_is_sent_away(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository()
        for chatter in (["x" * 2000], ["x"] * 40):
            async with listening(it, repo) as socket:
                await take(socket)
                await say(socket, chatter)
                async with asyncio.timeout(60):
                    await socket.wait_closed()
                assert socket.close_code == 1008
        async with listening(it, repo) as socket:
            await take(socket)
            await socket.send("a word now and then is borne")
            event = await it.host.events.record(Chirped(repo_id=repo.id, song="still here"))
            assert (await take(socket))["id"] == event.id

    run(test)
