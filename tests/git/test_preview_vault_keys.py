"""What a change of the vault's key leaves."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from gitperch.assembly import assembled
from gitperch.config import load
from gitperch.db import migrate
from gitperch_preview import PreviewPlugin
from gitperch_preview.vault import Vault
from gitperch_preview.vault.service import deployment
from support.server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from gitperch.host import Host

SECRET = "correct-horse-7f3a9b-battery"


class House:
    """A data folder with settings in it, and the command."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.key = self.data / "vault.key"
        self.repo_id = 0
        self.run(self._fill)

    def run(self, work: Callable[[Host, Vault], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            async with assembled(load({"data": self.data}, {})) as host:
                assert PreviewPlugin.migrations
                await migrate(host.db, "preview", PreviewPlugin.migrations)
                await work(host, Vault(host))

        asyncio.run(main())

    async def _fill(self, host: Host, vault: Vault) -> None:
        alice = await host.people.add("alice", PASSWORD, is_admin=True)
        self.repo_id = (await host.repositories.create(alice, "thing")).id
        await vault.put(self.repo_id, {"TOKEN": SECRET}, secret=True, by="alice")
        await vault.put(self.repo_id, {"MODE": "staging"}, secret=False, by="alice")
        noted = await vault.pack(self.repo_id, deployment(5), {}, (SECRET,))
        async with host.db.write() as tx:
            await tx.execute(
                "INSERT INTO preview_deployments (id, repo_id, branch, oid, runner, state, recipe, source, created_at, sealed)"
                " VALUES (5, ?, 'main', '', 'process', 'stopped', '{}', 'push', 0, ?)",
                (self.repo_id, noted),
            )

    def command(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "gitperch", "env", "reseal", *words, "--data", str(self.data)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def sealed(self) -> list[bytes]:
        with contextlib.closing(sqlite3.connect(self.data / "gitperch.db")) as db:
            rows = db.execute("SELECT sealed FROM preview_settings UNION ALL SELECT sealed FROM preview_deployments")
            return [row[0] for row in rows]

    async def is_whole(self, host: Host, vault: Vault) -> None:
        assert await vault.environment(self.repo_id) == ({"MODE": "staging", "TOKEN": SECRET}, (SECRET,))
        row = await host.db.row("SELECT sealed FROM preview_deployments")
        assert row
        assert await vault.unpack(self.repo_id, deployment(5), row["sealed"]) == ({}, (SECRET,))


def test_all_is_sealed_with_the_new_key_and_the_old_one_may_go(tmp_path: Path) -> None:
    house = House(tmp_path)
    old, new = house.key.read_bytes().hex(), secrets.token_bytes(32)
    house.key.write_text(f"{new.hex()}\n{old}\n")
    code, said = house.command()
    assert (code, said.splitlines()[0]) == (0, "sealed anew: 2 of settings, 1 of deployments")
    house.key.write_bytes(new)
    house.run(house.is_whole)
    assert house.command() == (0, f"nothing to do\n{said.splitlines()[1]}\n")


def test_the_old_key_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    house, old = House(tmp_path), tmp_path / "old.key"
    house.key.rename(old)
    house.key.write_bytes(secrets.token_bytes(32))
    assert house.command("--old", str(old))[0] == 0
    house.run(house.is_whole)


def test_nothing_is_sealed_anew_where_something_cannot_be_opened(tmp_path: Path) -> None:
    house = House(tmp_path)
    old = house.key.read_bytes()
    with contextlib.closing(sqlite3.connect(house.data / "gitperch.db")) as db, db:
        db.execute("UPDATE preview_settings SET sealed = CAST(sealed || x'00' AS BLOB) WHERE name = 'TOKEN'")
    before = house.sealed()
    house.key.write_text(f"{secrets.token_hex(32)}\n{old.hex()}\n")
    code, said = house.command()
    assert code
    assert "Nothing was changed." in said
    assert "TOKEN cannot be read" in said
    house.key.write_bytes(secrets.token_bytes(32))
    for words, why in (
        ((), "which is not here"),
        (("--old", str(tmp_path / "no.key")), "There is no file"),
        (("--old", str(house.data / "gitperch.db")), "holds no key"),
    ):
        code, said = house.command(*words)
        assert code
        assert why in said
        assert "Traceback" not in said
    house.key.unlink()
    assert "is missing" in house.command()[1]
    assert house.sealed() == before
