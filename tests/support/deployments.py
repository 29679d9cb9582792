"""Deployments as a server remembers them, made without building anything: for tests of their logs."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

from gitperch.assembly import assembled
from gitperch.config import load
from gitperch_preview.logs import Logs
from gitperch_preview.vault import Vault
from gitperch_preview.vault.service import deployment

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


def remembered(
    server: Server, full_name: str, branch: str, state: str = "ready", secrets: tuple[str, ...] = ()
) -> Path:
    """A new deployment of `branch`, whose log may not show `secrets`; the path of its log, empty."""

    async def main() -> Path:
        async with assembled(load({"data": server.data}, server.settings)) as host:
            repo = await host.repositories.find(*full_name.split("/"))
            assert repo
            async with host.db.write() as tx:
                number = await tx.insert(
                    "INSERT INTO preview_deployments (repo_id, branch, oid, runner, state, recipe, source, created_at) "
                    "VALUES (?, ?, ?, 'process', ?, '{}', 'push', ?)",
                    (repo.id, branch, "0" * 40, state, time.time()),
                )
            path = Logs(host.folder("preview") / "logs").path(repo.id, number)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(0o600)
            return path

    path = asyncio.run(main())
    give(server, path, *secrets)
    return path


def give(server: Server, path: Path, *secrets: str) -> None:
    """From now on, the deployment with this log has these secrets."""

    async def main() -> None:
        async with assembled(load({"data": server.data}, server.settings)) as host:
            number = int(path.stem)
            sealed = await Vault(host).pack(int(path.parent.name), deployment(number), {}, secrets)
            async with host.db.write() as tx:
                await tx.execute("UPDATE preview_deployments SET sealed = ? WHERE id = ?", (sealed, number))

    asyncio.run(main())


def change_state(server: Server, number: int, state: str) -> None:
    with contextlib.closing(sqlite3.connect(server.data / "gitperch.db", timeout=10)) as db, db:
        db.execute("UPDATE preview_deployments SET state = ? WHERE id = ?", (state, number))


def collaborate(server: Server, name: str, full_name: str, permission: str) -> None:
    """Give `name` a permission on a repository."""
    with contextlib.closing(sqlite3.connect(server.data / "gitperch.db", timeout=10)) as db, db:
        db.execute(
            "INSERT OR REPLACE INTO collaborators SELECT r.id, u.id, ? FROM repositories r JOIN users o ON o.id = r.owner_id, users u "
            "WHERE o.name || '/' || r.name = ? AND u.name = ?",
            (permission, full_name, name),
        )
