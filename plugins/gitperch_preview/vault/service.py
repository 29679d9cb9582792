"""The settings of repositories, by repository, scope and name. Every value is sealed, secret or not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, NotFound
from gitperch_preview.events import EnvironmentChanged
from gitperch_preview.vault import rules, sealing
from gitperch_preview.vault.errors import VaultError
from gitperch_preview.vault.keys import KeyFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitperch.db import Row, Transaction
    from gitperch.host import Host
    from gitperch_preview.vault.keys import Key

log = logging.getLogger("gitperch_preview.vault")

PREVIEW = "preview"  # the scope; what production gets will be another one
_CHANGES_KEPT = 200  # of each repository
_PLACE = "repo_id = ? AND scope = ?"


@dataclass(frozen=True)
class Setting:
    """`value` is None for a secret, and for what cannot be read with this server's key (`problem`). `set_by` is a person's name, ""
    for the command line. `size` in bytes."""

    name: str
    secret: bool
    value: str | None = field(repr=False)
    size: int
    set_by: str
    set_at: float
    problem: str = ""


@dataclass(frozen=True)
class Change:
    """Who did what, and when; never a value."""

    name: str
    what: str  # "set", "removed"
    by: str
    at: float


class Vault:
    def __init__(self, host: Host) -> None:
        self._db = host.db
        self._events = host.events
        named = host.config.secret_key_file
        own = host.config.data / "vault.key"
        self._file = KeyFile(Path(named), True) if named else KeyFile(own, False)

    async def check(self) -> None:
        """At the start: raises VaultError where the key cannot be used, and logs what was sealed with another one."""
        for problem in await self.problems():
            log.error("%s", problem)

    async def problems(self) -> list[str]:
        """A sentence for each repository with settings that cannot be read with this server's key. Raises VaultError."""
        known = {key.id for key in self._file.read()}
        rows = await self._db.rows(
            "SELECT DISTINCT repo_id, substr(sealed, 2, 8) AS key FROM preview_settings ORDER BY repo_id"
        )
        return [
            f"settings of repository {row['repo_id']} were sealed with the key {row['key'].hex()}, which is not in "
            f"{self._file.path}; no preview that uses them can start"
            for row in rows
            if row["key"] not in known
        ]

    async def environment(self, repo_id: int, scope: str = PREVIEW) -> tuple[dict[str, str], tuple[str, ...]]:
        """All settings by name, and those values that are secret. For branches whose pusher may write; others get none.

        Raises VaultError rather than leave one out.
        """
        rows = await self._rows(repo_id, scope)
        values = await asyncio.to_thread(self._unsealed, rows)
        named = {row["name"]: value for row, value in zip(rows, values, strict=True)}
        return named, tuple(named[row["name"]] for row in rows if row["secret"])

    def keys(self, before: Path | None = None) -> list[Key]:
        """That which seals, those that only open, and those of the file `before`. Raises VaultError."""
        keys = [self._key(may_make=False), *self._file.read()[1:]]
        if before and not before.is_file():
            raise VaultError(f"There is no file {before}, which was to have the key of before. Nothing was changed.")
        return keys + (KeyFile(before, True).read() if before else [])

    async def settings(self, repo_id: int, scope: str = PREVIEW) -> list[Setting]:
        """What is set, by name, for people to look at."""
        rows = await self._rows(repo_id, scope)
        return await asyncio.to_thread(self._shown, rows)

    async def put(
        self, repo_id: int, values: Mapping[str, str], *, secret: bool, by: str, scope: str = PREVIEW
    ) -> list[str]:
        """Set all of `values` or none; the names of those that are new or different now. A secret stays one until it is removed.

        Raises BadRequest for a name, a value or a number of them that cannot be, and VaultError.
        """
        before = {row["name"]: row for row in await self._rows(repo_id, scope)}
        secrets = {name: secret or (name in before and bool(before[name]["secret"])) for name in values}
        checked = {
            rules.checked_name(name): rules.checked_value(name, value, secrets[name]) for name, value in values.items()
        }
        different = await asyncio.to_thread(self._different, before, checked, secrets)
        if not different:
            return []
        may_make = await self._is_empty()
        sealed = await asyncio.to_thread(self._sealed, repo_id, scope, different, secrets, may_make)
        now = time.time()
        async with self._db.write() as tx:
            await tx.executemany(
                "INSERT INTO preview_settings (repo_id, scope, name, secret, sealed, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (repo_id, scope, name) DO UPDATE SET secret = excluded.secret, sealed = excluded.sealed, "
                "set_by = excluded.set_by, set_at = excluded.set_at",
                [(repo_id, scope, name, secrets[name], data, by, now) for name, data in sealed.items()],
            )
            await _check_room(tx, repo_id, scope)
            event = await self._note(tx, repo_id, scope, list(sealed), "set", by)
        self._events.wake(event)
        return list(sealed)

    async def remove(self, repo_id: int, *names: str, by: str, scope: str = PREVIEW) -> None:
        """All of them or none: raises NotFound where one is not set. Needs no key."""
        where = f"{_PLACE} AND name = ?"
        async with self._db.write() as tx:
            for name in names:
                if not await tx.execute(f"DELETE FROM preview_settings WHERE {where}", (repo_id, scope, name)):  # noqa: S608
                    raise NotFound(f"{name[: rules.NAME_LIMIT]!r} is not set here.", field="name")
            event = await self._note(tx, repo_id, scope, names, "removed", by)
        self._events.wake(event)

    async def changes(self, repo_id: int, limit: int = 10, scope: str = PREVIEW) -> list[Change]:
        """The latest first."""
        rows = await self._db.rows(
            f"SELECT name, what, by, at FROM preview_setting_changes WHERE {_PLACE} ORDER BY id DESC LIMIT ?",  # noqa: S608
            (repo_id, scope, limit),
        )
        return [Change(**row) for row in rows]

    async def pack(self, repo_id: int, owner: str, environment: Mapping[str, str], secrets: Sequence[str]) -> bytes:
        """What a deployment was given, to be kept with its record: it runs with that again, and its log stays masked, whatever is set
        later. `owner` names the record, as `deployment(17)` does. Empty where there is nothing to seal."""
        if not environment and not secrets:
            return b""
        text = json.dumps([dict(environment), list(secrets)]).encode()
        empty = await self._is_empty()
        return await asyncio.to_thread(lambda: sealing.seal(self._key(empty), sealing.place(repo_id, owner), text))

    async def unpack(self, repo_id: int, owner: str, packed: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
        """What `pack` was given. Raises VaultError."""
        if not packed:
            return {}, ()
        text = await asyncio.to_thread(lambda: sealing.unseal(self._file.read(), sealing.place(repo_id, owner), packed))
        environment, secrets = json.loads(text)
        return environment, tuple(secrets)

    async def _rows(self, repo_id: int, scope: str) -> list[Row]:
        return await self._db.rows(f"SELECT * FROM preview_settings WHERE {_PLACE} ORDER BY name", (repo_id, scope))  # noqa: S608

    async def _is_empty(self) -> bool:
        return not await self._db.row("SELECT 1 FROM preview_settings LIMIT 1")

    def _key(self, may_make: bool) -> Key:
        keys = self._file.made() if may_make else self._file.read()
        if not keys:
            raise VaultError(
                f"{self._file.path} is missing, and what is set already was sealed with it. Put it back from your backup; or remove "
                "all settings, and a new key is made with the next one."
            )
        return keys[0]

    def _sealed(
        self, repo_id: int, scope: str, values: Mapping[str, bytes], secrets: Mapping[str, bool], may_make: bool
    ) -> dict[str, bytes]:
        key = self._key(may_make)
        return {
            name: sealing.seal(key, sealing.place(repo_id, scope, name, int(secrets[name])), data)
            for name, data in values.items()
        }

    def _unsealed(self, rows: Sequence[Row]) -> list[str]:
        keys = self._file.read() if rows else []
        return [opened(keys, row).decode() for row in rows]

    def _different(
        self, before: Mapping[str, Row], values: Mapping[str, bytes], secrets: Mapping[str, bool]
    ) -> dict[str, bytes]:
        """Those of `values` that are not set so; what cannot be read is not."""
        keys = self._file.read()
        different = {}
        for name, data in values.items():
            row = before.get(name)
            with contextlib.suppress(VaultError):
                if row and bool(row["secret"]) == secrets[name] and opened(keys, row) == data:
                    continue
            different[name] = data
        return different

    def _shown(self, rows: Sequence[Row]) -> list[Setting]:
        shown: list[Setting] = []
        keys: list[Key] = []
        unusable = ""
        try:
            keys = self._file.read() if rows else []
        except VaultError as error:
            unusable = error.message
        for row in rows:
            secret, value, problem = bool(row["secret"]), None, unusable
            try:
                if not unusable:
                    value = opened(keys, row).decode()
            except VaultError as error:
                problem = error.message
            value = None if secret else value
            size = len(row["sealed"]) - sealing.OVERHEAD
            shown.append(Setting(row["name"], secret, value, size, row["set_by"], row["set_at"], problem))
        return shown

    async def _note(
        self, tx: Transaction, repo_id: int, scope: str, names: Sequence[str], what: str, by: str
    ) -> EnvironmentChanged:
        await tx.executemany(
            "INSERT INTO preview_setting_changes (repo_id, scope, name, what, by, at) VALUES (?, ?, ?, ?, ?, ?)",
            [(repo_id, scope, name, what, by, time.time()) for name in names],
        )
        await tx.execute(
            "DELETE FROM preview_setting_changes WHERE repo_id = ? AND id <= (SELECT id FROM preview_setting_changes "
            "WHERE repo_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (repo_id, repo_id, _CHANGES_KEPT),
        )
        return await self._events.record(EnvironmentChanged(repo_id=repo_id, names=tuple(names), scope=scope), tx)


def deployment(deployment_id: int) -> str:
    """The owner of what is packed for a deployment."""
    return f"deployment {deployment_id}"


def opened(keys: Sequence[Key], row: Row) -> bytes:
    try:
        return sealing.unseal(
            keys, sealing.place(row["repo_id"], row["scope"], row["name"], row["secret"]), row["sealed"]
        )
    except VaultError as error:
        raise VaultError(f"{row['name']} cannot be read. {error.message}") from None


async def _check_room(tx: Transaction, repo_id: int, scope: str) -> None:
    row = await tx.row(
        f"SELECT count(*) AS names, total(length(sealed)) AS bytes FROM preview_settings WHERE {_PLACE}",  # noqa: S608
        (repo_id, scope),
    )
    assert row  # noqa: S101 -- an aggregate always has one
    if row["names"] > rules.NAMES:
        raise BadRequest(f"There would be more than {rules.NAMES} settings; remove some first.", field="name")
    if row["bytes"] - row["names"] * sealing.OVERHEAD > rules.TOTAL_LIMIT:
        raise BadRequest(
            f"All values together would have more than {rules.TOTAL_LIMIT} bytes; remove or shorten some.",
            field="value",
        )
