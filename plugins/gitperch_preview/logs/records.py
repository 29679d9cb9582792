"""What is known of a deployment to whoever reads its log: looked up in the database each time, in any process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch_preview.vault.service import deployment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gitperch.db import Database, Row
    from gitperch.repositories import Repository
    from gitperch_preview.vault import Vault

OVER = ("failed", "stopped")
"""States in which nothing more is said; a sleeper goes on when it is woken."""
_SELECT = "SELECT id, repo_id, branch, oid, state, problem, created_at, sealed FROM preview_deployments WHERE"


@dataclass(frozen=True)
class Told:
    """A deployment, and the values that its log may not show. `created_at` in Unix seconds."""

    id: int
    repo_id: int
    branch: str
    oid: str
    state: str
    problem: str
    created_at: float
    secrets: tuple[str, ...] = field(repr=False)


def no_log(repo: Repository, branch: str, deployment_id: int | None, kept: int) -> str:
    """The sentence for whoever asks for a log that is not there."""
    if deployment_id is None:
        why = "a branch has one from its app's first build on, one of files never"
        return f"There is no log of {branch[:200]!r} in {repo.full_name}: {why}."
    return f"{branch[:200]!r} in {repo.full_name} has no log of a deployment {deployment_id}; those of the last {kept} are kept."


class Records:
    """Every method raises VaultError where the secrets of a deployment cannot be known: its log cannot be shown then."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault

    async def by_id(self, deployment_id: int) -> Told | None:
        row = self._db.peek(f"{_SELECT} id = ?", (deployment_id,))
        return await self._told(row) if row else None

    async def of_branch(self, repo_id: int, branch: str, deployment_id: int | None = None) -> Told | None:
        """The deployment of this branch with that id; without one, its newest."""
        which = "id = ?" if deployment_id is not None else "? IS NULL"
        row = self._db.peek(
            f"{_SELECT} repo_id = ? AND branch = ? AND {which} ORDER BY id DESC LIMIT 1",
            (repo_id, branch, deployment_id),
        )
        return await self._told(row) if row else None

    def ended(self, deployment_id: int) -> str | None:
        """The state after which nothing more is said, "removed" for what is not remembered any more; None while there may be more."""
        row = self._db.peek("SELECT state FROM preview_deployments WHERE id = ?", (deployment_id,))
        state = row["state"] if row else "removed"
        return state if state in (*OVER, "removed") else None

    def secrets_of(self, told: Told) -> Callable[[], Awaitable[tuple[str, ...]]]:
        """What the log of this deployment may not show at the time of each call; of one that is forgotten, what it was the last time."""
        known = (b"", told.secrets)

        async def now() -> tuple[str, ...]:
            nonlocal known
            row = self._db.peek("SELECT sealed FROM preview_deployments WHERE id = ?", (told.id,))
            if row and row["sealed"] != known[0]:
                _, secrets = await self._vault.unpack(told.repo_id, deployment(told.id), row["sealed"])
                known = (row["sealed"], secrets)
            return known[1]

        return now

    async def _told(self, row: Row) -> Told:
        values = dict(row)
        _, secrets = await self._vault.unpack(row["repo_id"], deployment(row["id"]), values.pop("sealed"))
        return Told(**values, secrets=secrets)
