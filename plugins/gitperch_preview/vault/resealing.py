"""After the key was changed: all that was sealed with another one is sealed with the first of the key file, or nothing is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch_preview.vault import sealing
from gitperch_preview.vault.errors import VaultError
from gitperch_preview.vault.service import deployment, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.db import Database, Row
    from gitperch_preview.vault.keys import Key

_UNCHANGED = "Nothing was changed."
TRIES = 5  # while a server beside this writes what is being sealed
_SETTINGS = "SELECT id, repo_id, scope, name, secret, sealed FROM preview_settings WHERE substr(sealed, 2, 8) <> ?"
_DEPLOYMENTS = "SELECT id, repo_id, sealed FROM preview_deployments WHERE sealed <> x'' AND substr(sealed, 2, 8) <> ?"


async def reseal(db: Database, keys: Sequence[Key]) -> tuple[int, int]:
    """Seal with the first of `keys` what the others open: how many settings, and how many deployments' notes of what they were given.

    Raises VaultError where one of them cannot be opened; then nothing was changed. A server may run beside this.
    """
    settings = deployments = 0
    for _ in range(TRIES):
        rows, noted = await db.rows(_SETTINGS, (keys[0].id,)), await db.rows(_DEPLOYMENTS, (keys[0].id,))
        if not rows and not noted:
            return settings, deployments
        news, notes = await asyncio.to_thread(_sealed, keys, rows, noted)
        # Whatever has been written in the meantime stays, and is looked at once more.
        async with db.write() as tx:
            await tx.executemany("UPDATE preview_settings SET sealed = ? WHERE id = ? AND sealed = ?", news)
            await tx.executemany("UPDATE preview_deployments SET sealed = ? WHERE id = ? AND sealed = ?", notes)
        settings, deployments = settings + len(news), deployments + len(notes)
    raise VaultError(
        "The server goes on sealing with the key of before. Start it anew with the new one, and try again."
    )


Change = tuple[bytes, int, bytes]  # sealed now, the row's number, as it was


def _sealed(keys: Sequence[Key], rows: Sequence[Row], noted: Sequence[Row]) -> tuple[list[Change], list[Change]]:
    settings, deployments = [], []
    for row in rows:
        try:
            text = opened(keys, row)
        except VaultError as error:
            raise VaultError(f"{_UNCHANGED} Of repository {row['repo_id']}, {error}") from None
        place = sealing.place(row["repo_id"], row["scope"], row["name"], row["secret"])
        settings.append((sealing.seal(keys[0], place, text), row["id"], row["sealed"]))
    for row in noted:
        place = sealing.place(row["repo_id"], deployment(row["id"]))
        try:
            text = sealing.unseal(keys, place, row["sealed"])
        except VaultError as error:
            raise VaultError(f"{_UNCHANGED} What deployment {row['id']} was given cannot be read. {error}") from None
        deployments.append((sealing.seal(keys[0], place, text), row["id"], row["sealed"]))
    return settings, deployments
