"""The cipher of the vault, by either of the libraries that have it; and what a change of the key leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.assembly import assembled
from gitperch.config import load
from gitperch.db import migrate
from gitperch_preview import PreviewPlugin
from gitperch_preview.vault import Vault, gcm
from gitperch_preview.vault.service import deployment
from support.server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_preview.vault.gcm import Cipher

SECRET = "correct-horse-7f3a9b-battery"

# The last one of Test Case 16 in "The Galois/Counter Mode of Operation" (McGrew, Viega), which NIST SP 800-38D refers to.
KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
TEXT = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
BELONGS = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
)


@pytest.fixture(params=["openssl", "cryptography"])
def cipher(request: pytest.FixtureRequest) -> Cipher:
    if request.param == "cryptography":
        return gcm.Cryptography()
    return gcm.loaded() or pytest.skip("this Python's OpenSSL cannot be reached")


def test_the_published_example_is_met(cipher: Cipher) -> None:
    assert cipher.encrypt(KEY, NONCE, TEXT, BELONGS) == SEALED
    assert cipher.decrypt(KEY, NONCE, SEALED, BELONGS) == TEXT


def test_each_opens_what_the_other_has_sealed(cipher: Cipher) -> None:
    other = gcm.Cryptography()
    for length in (0, 1, 15, 16, 17, 32 << 10):
        key, nonce, text = secrets.token_bytes(32), secrets.token_bytes(12), os.urandom(length)
        sealed = cipher.encrypt(key, nonce, text, b"here")
        assert sealed == other.encrypt(key, nonce, text, b"here")
        assert cipher.decrypt(key, nonce, sealed, b"here") == text


def test_nothing_that_was_changed_is_opened(cipher: Cipher) -> None:
    for at in (0, len(TEXT) - 1, len(SEALED) - 1):
        changed = bytearray(SEALED)
        changed[at] ^= 1
        with pytest.raises(gcm.Refused):
            cipher.decrypt(KEY, NONCE, bytes(changed), BELONGS)
    for sealed, belongs in ((SEALED, b"there"), (SEALED[:-1], BELONGS), (b"", BELONGS), (SEALED[:15], BELONGS)):
        with pytest.raises(gcm.Refused):
            cipher.decrypt(KEY, NONCE, sealed, belongs)
    with pytest.raises(gcm.Refused):
        cipher.decrypt(KEY[::-1], NONCE, SEALED, BELONGS)
    with pytest.raises((gcm.Refused, ValueError)):
        cipher.decrypt(KEY[:31], NONCE, SEALED, BELONGS)


def test_the_server_needs_no_second_openssl_to_read_a_secret(tmp_path: Path) -> None:
    if not gcm.loaded():
        pytest.skip("this Python's OpenSSL cannot be reached")
    program = (
        "import sys; from gitperch_preview.vault import sealing; from gitperch_preview.vault.keys import Key; key = Key.of(bytes(32));"
        " assert sealing.unseal([key], b'p', sealing.seal(key, b'p', b'text')) == b'text'; assert 'cryptography' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=60)


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
