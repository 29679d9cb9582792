"""Whoever may read a repository may listen to it; everybody else learns nothing, at once and later."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gitperch.errors import Busy, TooMany
from gitperch_live.hub import PER_ADDRESS, Hub
from support.house import House, Test, runner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Test], None]:
    """Run a test inside an application whose only plugin is the one under test."""
    return runner(tmp_path / "data", monkeypatch, "gitperch_live:LivePlugin")


def live(it: House, name: str, query: str = "", **headers: str) -> connect:
    address = f"ws://127.0.0.1:{it.port}/api/repos/alice/{name}/live{query}"
    return connect(address, additional_headers=headers, close_timeout=1, proxy=None)


async def refusal(it: House, name: str, query: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and the body of the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        await live(it, name, query, **headers)
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}")


async def closing(socket: Any) -> int:
    """The code with which the server closes `socket`."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert isinstance(socket.close_code, int)
    return socket.close_code


def test_a_private_repository_and_a_missing_one_answer_alike(run: Any) -> None:
    async def test(it: House) -> None:
        await it.repository("hidden", private=True)
        hidden, missing = await refusal(it, "hidden"), await refusal(it, "nowhere")
        assert hidden[0] == missing[0] == 401
        assert hidden[1]["message"].replace("hidden", "X") == missing[1]["message"].replace("nowhere", "X")
        stranger = f"Bearer {await it.token('bob')}"
        hidden, missing = [await refusal(it, name, Authorization=stranger) for name in ("hidden", "nowhere")]
        assert hidden[0] == missing[0] == 404
        assert (await refusal(it, "hidden", Authorization="Bearer gpt_wrong"))[0] == 401

    run(test)


def test_anybody_may_listen_to_a_public_repository_and_its_owner_to_a_private_one(run: Any) -> None:
    async def test(it: House) -> None:
        await it.repository("open", private=False)
        await it.repository("hidden", private=True)
        async with live(it, "open") as socket:
            assert json.loads(await socket.recv())["type"] == "hello"
        async with live(it, "hidden", Authorization=f"token {await it.token()}") as socket:
            assert json.loads(await socket.recv())["type"] == "hello"

    run(test)


def test_attack_23_a_page_of_another_site_may_not_listen(run: Any) -> None:
    async def test(it: House) -> None:
        await it.repository("open", private=False)
        for origin in (
            "http://evil.example",
            "null",
            f"http://127.0.0.1:{it.port + 1}",
            f"https://127.0.0.1:{it.port}",
        ):
            assert (await refusal(it, "open", Origin=origin))[0] == 403
        async with live(it, "open", Origin=it.url) as socket:
            assert json.loads(await socket.recv())["type"] == "hello"

    run(test)


def test_attack_23_a_foreign_name_that_resolves_to_us_gets_nothing(run: Any) -> None:
    async def test(it: House) -> None:
        await it.repository("open", private=False)
        rebound = connect(
            f"ws://rebound.example:{it.port}/api/repos/alice/open/live",
            host="127.0.0.1",
            port=it.port,
            additional_headers={"Origin": f"http://rebound.example:{it.port}"},
            proxy=None,
        )
        with pytest.raises(InvalidStatus):
            await rebound

    run(test)


def test_a_socket_closes_when_its_repository_turns_private_or_is_deleted(run: Any) -> None:
    async def test(it: House) -> None:
        repo = await it.repository("thing", private=False)
        async with (
            live(it, "thing") as anonymous,
            live(it, "thing", Authorization=f"Bearer {await it.token()}") as owner,
        ):
            for socket in (anonymous, owner):
                await socket.recv()
            await it.host.repositories.change(repo, private=True)
            assert await closing(anonymous) == 1008
            assert json.loads(await owner.recv())["type"] == "repository.changed"
            await it.host.repositories.delete(repo)
            assert await closing(owner) == 1008

    run(test)


def test_a_socket_closes_when_its_token_is_revoked(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitperch_live.socket.ASK_SECONDS", 0.1)
    monkeypatch.setattr("gitperch_live.socket.BEAT_SECONDS", 0.05)

    async def test(it: House) -> None:
        await it.repository("thing")
        async with live(it, "thing", Authorization=f"Bearer {await it.token()}") as socket:
            await socket.recv()
            owner = await it.host.people.find("alice")
            assert owner
            for token in await it.host.tokens.listing(owner):
                await it.host.tokens.revoke(owner, token.id)
            assert await closing(socket) == 1008

    run(test)


def test_a_wrong_event_id_is_named(run: Any) -> None:
    async def test(it: House) -> None:
        await it.repository("open", private=False)
        for after in ("-1", "soon", "9" * 30, "1.5"):
            status, body = await refusal(it, "open", query=f"?after={after}")
            assert status == 400
            assert body["message"].startswith("after has to be")

    run(test)


def test_there_is_a_limit_for_each_address_and_for_all() -> None:
    hub = Hub(per_address=2, in_all=3)
    with hub.place("a"), hub.place("a"):
        with pytest.raises(TooMany), hub.place("a"):
            pass
        with hub.place("b"), pytest.raises(Busy), hub.place("c"):
            pass
        with hub.place("b"):
            pass
    with hub.place("a"), hub.place("a"):
        pass
    assert PER_ADDRESS > 2
