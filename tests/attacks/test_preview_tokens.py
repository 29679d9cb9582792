"""The token that a preview clones with: one repository, to read, no longer than it is lent."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING

from support.house import house
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gitperch.accounts.people import User
    from support.house import House


async def status(house: House, path: str, secret: str, method: str = "GET") -> int:
    """What a request with the token is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    basic = b64encode(f"preview:{secret}".encode()).decode()
    writer.write(
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {basic}\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )
    try:
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def test_14_a_preview_token_reads_one_repository_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inside() -> None:
        async with house(tmp_path / "data", monkeypatch) as it:
            shop, other = await it.repository("shop"), await it.repository("other")
            loan = it.host.tokens.lend(shop, 60)
            refs = "info/refs?service=git-upload-pack"
            assert await status(it, f"/alice/shop.git/{refs}", loan.secret) == 200
            assert await status(it, "/alice/shop", loan.secret) == 200
            assert await status(it, f"/alice/other.git/{refs}", loan.secret) == 404
            assert await status(it, f"/alice/none.git/{refs}", loan.secret) == 404
            assert await status(it, "/alice/shop.git/info/refs?service=git-receive-pack", loan.secret) == 403
            assert await status(it, "/preview/new.git/info/refs?service=git-receive-pack", loan.secret) == 404
            for path in ("/account", "/alice/shop/settings", "/metrics"):
                assert await status(it, path, loan.secret) in (303, 401, 403, 404), path
            for path in ("/alice/shop/settings", "/alice/shop/delete", "/account/tokens"):
                assert await status(it, path, loan.secret, "POST") in (401, 403, 404, 405), path
            viewer_tokens = await it.host.tokens.listing(await person(it))
            assert [token.name for token in viewer_tokens] == []
            it.host.tokens.take_back(loan)
            assert await status(it, f"/alice/shop.git/{refs}", loan.secret) == 401
            assert await it.host.repositories.find("alice", "other") == other

    asyncio.run(inside())


def test_14_a_preview_token_is_over_in_time_and_with_it_what_it_was_given_for_large_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def inside() -> None:
        async with house(tmp_path / "data", monkeypatch) as it:
            shop = await it.repository("shop")
            short = it.host.tokens.lend(shop, 0.05)
            loan = it.host.tokens.lend(shop, 60)
            assert await it.host.tokens.lives(loan.id, shop.created_at + 10**9)
            assert not await it.host.tokens.lives(loan.id, 0.0)
            await asyncio.sleep(0.1)
            assert await it.host.tokens.check(short.secret) is None
            it.host.tokens.take_back(loan)
            it.host.tokens.take_back(loan)
            assert not await it.host.tokens.lives(loan.id, shop.created_at + 10**9)

    asyncio.run(inside())


def test_14_a_preview_token_clones_and_cannot_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def inside() -> None:
        async with house(tmp_path / "data", monkeypatch) as it:
            shop = await it.repository("shop")
            commit(tmp_path / "work", {"a": "1"})
            alice = f"http://alice:{await it.token()}@127.0.0.1:{it.port}/alice/shop.git"
            done = await asyncio.to_thread(git, "push", alice, "HEAD:main", cwd=tmp_path / "work")
            assert done.returncode == 0, done.stderr
            lent = f"http://preview:{it.host.tokens.lend(shop, 60).secret}@127.0.0.1:{it.port}/alice/shop.git"
            done = await asyncio.to_thread(git, "clone", "--quiet", lent, str(tmp_path / "clone"))
            assert done.returncode == 0, done.stderr
            commit(tmp_path / "clone", {"a": "2"})
            done = await asyncio.to_thread(git, "push", "origin", "HEAD:main", cwd=tmp_path / "clone")
            assert done.returncode != 0
            assert "403" in done.stderr or "needs the write permission" in done.stderr

    asyncio.run(inside())


async def person(it: House) -> User:
    found = await it.host.people.find("alice")
    assert found
    return found
