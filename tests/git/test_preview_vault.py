"""Settings and secrets of previews: sealed at rest, each for its own place, and nothing lost in silence."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.assembly import assembled
from gitperch.config import load
from gitperch.db import migrate
from gitperch.errors import BadRequest, NotFound
from gitperch_preview import PreviewPlugin
from gitperch_preview.events import EnvironmentChanged
from gitperch_preview.vault import Vault, VaultError
from support.server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gitperch.host import Host
    from gitperch.repositories import Repository

    Work = Callable[[Host, Vault, Repository], Coroutine[Any, Any, None]]

SECRET = "correct-horse-7f3a9b-battery"


def run(data: Path, work: Work, **settings: str) -> None:
    """`work` on the repository alice/thing in the data folder, made if need be."""

    async def main() -> None:
        config = load({"data": data}, {f"GITPERCH_{name.upper()}": value for name, value in settings.items()})
        async with assembled(config) as host:
            assert PreviewPlugin.migrations
            await migrate(host.db, "preview", PreviewPlugin.migrations)
            repo = await host.repositories.find("alice", "thing")
            if not repo:
                alice = await host.people.add("alice", PASSWORD, is_admin=True)
                repo = await host.repositories.create(alice, "thing")
            await work(host, Vault(host), repo)

    asyncio.run(main())


async def put(_host: Host, vault: Vault, repo: Repository, secret: str = SECRET) -> None:
    await vault.put(repo.id, {"API_TOKEN": secret, "OTHER": secret + "2"}, secret=True, by="alice")
    await vault.put(repo.id, {"MODE": "staging"}, secret=False, by="alice")


def test_what_is_set_is_found_again_and_no_file_has_it_in_clear(tmp_path: Path) -> None:
    async def look(host: Host, vault: Vault, repo: Repository) -> None:
        environment, secrets = await vault.environment(repo.id)
        assert environment == {"API_TOKEN": SECRET, "OTHER": SECRET + "2", "MODE": "staging"}
        assert secrets == (SECRET, SECRET + "2")
        assert await vault.environment(repo.id, "production") == ({}, ())
        packed = await vault.pack(repo.id, "deployment 3", environment, secrets)
        assert await vault.unpack(repo.id, "deployment 3", packed) == (environment, secrets)
        assert await vault.pack(repo.id, "deployment 4", {}, ()) == b""
        with pytest.raises(VaultError, match="changed or moved"):
            await vault.unpack(repo.id, "deployment 4", packed)
        shown = {setting.name: setting for setting in await vault.settings(repo.id)}
        assert shown["API_TOKEN"].value is None
        assert shown["API_TOKEN"].size == len(SECRET)
        assert shown["MODE"].value == "staging"
        assert SECRET not in repr((shown, await vault.changes(repo.id)))
        for path in filter(Path.is_file, tmp_path.rglob("*")):  # the write-ahead log is among them now
            content = path.read_bytes()
            for form in (SECRET.encode(), base64.b64encode(SECRET.encode())[:30], SECRET.encode().hex().encode()):
                assert form not in content, path

    run(tmp_path, put)
    run(tmp_path, look)
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "vault.key").read_bytes()) == 32
    assert b"staging" not in (tmp_path / "gitperch.db").read_bytes()


OTHERS = "sealed = (SELECT sealed FROM preview_settings WHERE {})"
SWAPS = {
    "another name": OTHERS.format("repo_id = 1 AND name = 'OTHER'"),
    "another repository": OTHERS.format("repo_id = 2 AND name = 'API_TOKEN'"),
    "another scope": OTHERS.format("scope = 'production'"),
    "no secret any more": "secret = 0",
    "a changed end": "sealed = CAST(substr(sealed, 1, length(sealed) - 1) || x'00' AS BLOB)",
    "cut short": "sealed = CAST(substr(sealed, 1, 12) AS BLOB)",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_a_row_that_was_swapped_or_changed_is_refused(tmp_path: Path, swap: str) -> None:
    async def two(host: Host, vault: Vault, repo: Repository) -> None:
        await put(host, vault, repo)
        alice = await host.people.find("alice")
        assert alice
        other = await host.repositories.create(alice, "other")
        await vault.put(other.id, {"API_TOKEN": "of-the-other-one"}, secret=True, by="alice")
        await vault.put(repo.id, {"API_TOKEN": "of-production"}, secret=True, by="alice", scope="production")

    async def refused(_host: Host, vault: Vault, repo: Repository) -> None:
        with pytest.raises(VaultError, match="API_TOKEN cannot be read"):
            await vault.environment(repo.id)
        (broken,) = [setting for setting in await vault.settings(repo.id) if setting.problem]
        assert (broken.name, broken.value) == ("API_TOKEN", None)

    run(tmp_path, two)
    with contextlib.closing(sqlite3.connect(tmp_path / "gitperch.db")) as db, db:
        db.execute(f"UPDATE preview_settings SET {swap} WHERE repo_id = 1 AND name = 'API_TOKEN'")  # noqa: S608
    run(tmp_path, refused)


def test_a_wrong_key_and_a_missing_one_are_said_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path, put)
    key = tmp_path / "vault.key"
    right = key.read_bytes()

    async def cannot(_host: Host, vault: Vault, repo: Repository) -> None:
        await vault.check()
        with pytest.raises(VaultError, match=r"cannot be read\. This was sealed with the key"):
            await vault.environment(repo.id)
        assert [bool(setting.problem) for setting in await vault.settings(repo.id)] == [True] * 3

    key.write_bytes(os.urandom(32))
    run(tmp_path, cannot)
    assert "no preview that uses them can start" in caplog.text

    async def none(host: Host, vault: Vault, repo: Repository) -> None:
        await cannot(host, vault, repo)
        with pytest.raises(VaultError, match="is missing, and what is set already was sealed with it"):
            await vault.put(repo.id, {"NEW": "new-value"}, secret=True, by="alice")
        assert not key.exists()
        await vault.remove(repo.id, "OTHER", by="alice")

    key.unlink()
    run(tmp_path, none)

    async def back(_host: Host, vault: Vault, repo: Repository) -> None:
        assert (await vault.environment(repo.id))[0] == {"API_TOKEN": SECRET, "MODE": "staging"}

    key.write_bytes(right)
    run(tmp_path, back)


def test_the_key_can_be_a_file_of_the_operators_own_and_be_rotated(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "key"

    async def look(_host: Host, vault: Vault, repo: Repository) -> None:
        assert (await vault.environment(repo.id))[0]["API_TOKEN"] == SECRET

    async def unusable(_host: Host, vault: Vault, _repo: Repository) -> None:
        with pytest.raises(VaultError, match="openssl rand -hex 32"):
            await vault.check()

    for content in (b"", b"too short\n", b"0" * 63, b"zz" * 32, base64.b64encode(b"x" * 31)):
        file.write_bytes(content)
        run(data, unusable, secret_key_file=str(file))
    file.unlink()
    run(data, unusable, secret_key_file=str(file))
    old, new = os.urandom(32), os.urandom(32)
    for content in (
        old,
        old.hex().encode() + b"\n",
        base64.b64encode(old) + b"\n",
        (new.hex() + "\n" + old.hex()).encode(),
    ):
        file.write_bytes(content)
        run(data, put, secret_key_file=str(file))
        run(data, look, secret_key_file=str(file))
    assert not (data / "vault.key").exists()

    async def anew(_host: Host, vault: Vault, repo: Repository) -> None:
        for name in ("API_TOKEN", "OTHER", "MODE"):
            await vault.put(repo.id, {name: "something-else"}, secret=False, by="alice")
        await vault.put(repo.id, {"API_TOKEN": SECRET}, secret=False, by="alice")

    run(data, anew, secret_key_file=str(file))
    file.write_bytes(new)
    run(data, look, secret_key_file=str(file))


def test_what_cannot_be_set_is_refused_whole(tmp_path: Path) -> None:
    async def refused(_host: Host, vault: Vault, repo: Repository) -> None:
        for name in ("", "lower", "1A", "A-B", "A B", "Ä", "A\n", "A" * 129, "PORT", "HOST", "GITPERCH_URL"):
            with pytest.raises(BadRequest) as caught:
                await vault.put(repo.id, {"FINE": "fine-value", name: "value"}, secret=False, by="alice")
            assert caught.value.field == "name"
        for value in ("a\0b", "x" * 32_769, "\ud800"):
            with pytest.raises(BadRequest) as caught:
                await vault.put(repo.id, {"FINE": value}, secret=False, by="alice")
            assert caught.value.field == "value"
            assert value not in caught.value.message
        with pytest.raises(BadRequest, match="shorter than 4 characters, so logs could not hide it"):
            await vault.put(repo.id, {"FINE": "abc"}, secret=True, by="alice")
        assert await vault.settings(repo.id) == []
        await vault.put(repo.id, {f"N{n}": "" for n in range(200)}, secret=False, by="alice")
        with pytest.raises(BadRequest, match="more than 200 settings"):
            await vault.put(repo.id, {"N0": "changed", "ONE_MORE": ""}, secret=False, by="alice")
        with pytest.raises(BadRequest, match="more than 524288 bytes"):
            await vault.put(repo.id, {f"N{n}": "x" * 32_768 for n in range(17)}, secret=False, by="alice")
        assert set((await vault.environment(repo.id))[0].values()) == {""}
        await vault.put(repo.id, {f"N{n}": "x" * 32_768 for n in range(16)}, secret=False, by="alice")
        with pytest.raises(NotFound):
            await vault.remove(repo.id, "ABSENT", by="alice")

    run(tmp_path, refused)


def test_a_change_is_told_once_and_written_down_without_its_value(tmp_path: Path) -> None:
    async def change(host: Host, vault: Vault, repo: Repository) -> None:
        heard: list[EnvironmentChanged] = []
        host.events.listen(lambda event: heard.append(event) if isinstance(event, EnvironmentChanged) else None)
        await vault.put(repo.id, {"A": "1", "B": "2"}, secret=False, by="alice")
        assert await vault.put(repo.id, {"A": "1", "B": "3"}, secret=False, by="") == ["B"]
        assert await vault.put(repo.id, {"A": "1", "B": "3"}, secret=False, by="") == []
        await vault.put(repo.id, {"B": "now-a-secret"}, secret=True, by="alice")
        await vault.put(repo.id, {"B": "still-a-secret"}, secret=False, by="alice")
        await vault.remove(repo.id, "A", by="alice")
        assert [event.names for event in heard] == [("A", "B"), ("B",), ("B",), ("B",), ("A",)]
        assert all(event.scope == "preview" and event.id for event in heard)
        events = await host.events.since(repo.id, 0, [EnvironmentChanged.kind], 10)
        assert events == heard
        assert not EnvironmentChanged.live
        changes = await vault.changes(repo.id)
        assert [(c.name, c.what, c.by) for c in changes[:2]] == [("A", "removed", "alice"), ("B", "set", "alice")]
        (b,) = await vault.settings(repo.id)
        assert b.secret
        assert b.value is None
        for n in range(210):
            await vault.put(repo.id, {"B": f"value {n}"}, secret=True, by="alice")
        assert len(await vault.changes(repo.id, 1000)) == 200

    run(tmp_path, change)


def test_settings_go_with_their_repository(tmp_path: Path) -> None:
    async def gone(host: Host, vault: Vault, repo: Repository) -> None:
        await put(host, vault, repo)
        await host.repositories.delete(repo)
        assert await vault.settings(repo.id) == []
        assert await vault.changes(repo.id) == []

    run(tmp_path, gone)


def test_two_processes_that_need_a_key_at_once_make_one(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from gitperch_preview.vault.keys import KeyFile

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: KeyFile(tmp_path / "vault.key", False).made(), range(64)))
    assert len({keys[0].secret for keys in made}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]
