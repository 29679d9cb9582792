"""SSH keys of people and of repositories. A key stands for exactly one of them: its fingerprint is unique over the whole server."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitperch.errors import BadRequest, Conflict, NotFound
from gitperch.ssh import keys

if TYPE_CHECKING:
    from gitperch.accounts.people import User
    from gitperch.db import Database, Row
    from gitperch.repositories import Repository

TITLE_LIMIT = 100
PER_OWNER = 100  # keys of one person or repository; more are a slip
_USED_EVERY = 60.0


@dataclass(frozen=True)
class SshKey:
    """A key as it was added. Either `user_id` or `repo_id` is set; `rank` is what a repository's key may: 1 read, 2 write."""

    id: int
    title: str
    fingerprint: str
    kind: str
    user_id: int | None
    repo_id: int | None
    rank: int
    added_by: str
    """The name of whoever gave it to the repository; "" if unknown, and for a person's own."""
    created_at: float
    used_at: float | None


class SshKeys:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def add_to_person(self, user: User, text: str, title: str = "") -> SshKey:
        """Let whoever holds the key of the public half `text` be `user`. Raises BadRequest or Conflict with the field's name."""
        return await self._add(text, title, user.id, None, 3, None)

    async def add_to_repository(
        self, repo: Repository, text: str, title: str, permission: Literal["read", "write"], by: User
    ) -> SshKey:
        """A deploy key: lets its holder read `repo`, and write if so said, without being anybody. Raises as for a person."""
        return await self._add(text, title, None, repo.id, {"read": 1, "write": 2}[permission], by.id)

    async def _add(
        self, text: str, title: str, user_id: int | None, repo_id: int | None, rank: int, added_by: int | None
    ) -> SshKey:
        key = keys.parse(text)
        title = title.strip() or key.comment or "key"
        if len(title) > TITLE_LIMIT or not title.isprintable():
            raise BadRequest(f"The title has to be one line of at most {TITLE_LIMIT} characters.", field="title")
        try:
            async with self._db.write() as tx:
                count = await tx.row(
                    "SELECT count(*) AS n FROM ssh_keys WHERE user_id IS ? AND repo_id IS ?", (user_id, repo_id)
                )
                if count and count["n"] >= PER_OWNER:
                    raise Conflict(
                        f"There are {PER_OWNER} keys already; remove one that is not used any more.", field="key"
                    )
                key_id = await tx.insert(
                    "INSERT INTO ssh_keys (title, fingerprint, text, user_id, repo_id, rank, added_by, created_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (title, key.fingerprint, key.text, user_id, repo_id, rank, added_by, time.time()),
                )
        except sqlite3.IntegrityError:
            raise Conflict(
                "This key is on this server already, and a key can stand for one person or one repository only. "
                "Remove it there, or make another.",
                field="key",
            ) from None
        row = await self._db.row(f"{_SELECT} WHERE k.id = ?", (key_id,))
        assert row  # noqa: S101 -- written a moment ago
        return _from(row)

    async def find(self, fingerprint: str) -> SshKey | None:
        row = await self._db.row(f"{_SELECT} WHERE k.fingerprint = ?", (fingerprint,))
        return _from(row) if row else None

    async def signer(self, fingerprint: str) -> tuple[str, str] | None:
        """The name of the person whose key this is, and the key itself (kind and Base64)."""
        sql = "SELECT u.name, k.text FROM ssh_keys k JOIN users u ON u.id = k.user_id WHERE k.fingerprint = ?"
        row = await self._db.row(sql, (fingerprint,))
        return (row["name"], row["text"]) if row else None

    async def used(self, key: SshKey) -> None:
        """Note that somebody has signed in with it; to the minute."""
        now = time.time()
        if (key.used_at or 0) < now - _USED_EVERY:
            async with self._db.write() as tx:
                await tx.execute("UPDATE ssh_keys SET used_at = ? WHERE id = ?", (now, key.id))

    async def of_person(self, user: User) -> list[SshKey]:
        return [_from(row) for row in await self._db.rows(f"{_SELECT} WHERE k.user_id = ? ORDER BY k.id", (user.id,))]

    async def of_repository(self, repo: Repository) -> list[SshKey]:
        return [_from(row) for row in await self._db.rows(f"{_SELECT} WHERE k.repo_id = ? ORDER BY k.id", (repo.id,))]

    async def remove_from_person(self, user: User, key_id: int) -> None:
        """Raises NotFound for any id but one of the person's own keys."""
        await self._remove("user_id", user.id, key_id)

    async def remove_from_repository(self, repo: Repository, key_id: int) -> None:
        """Raises NotFound for any id but one of the repository's keys."""
        await self._remove("repo_id", repo.id, key_id)

    async def _remove(self, column: str, owner_id: int, key_id: int) -> None:
        async with self._db.write() as tx:
            if not await tx.execute(f"DELETE FROM ssh_keys WHERE {column} = ? AND id = ?", (owner_id, key_id)):  # noqa: S608 -- our own names
                raise NotFound("There is no such key; it may have been removed already.")


_SELECT = "SELECT k.*, u.name AS added_by_name FROM ssh_keys k LEFT JOIN users u ON u.id = k.added_by"


def _from(row: Row) -> SshKey:
    return SshKey(
        row["id"],
        row["title"],
        row["fingerprint"],
        row["text"].partition(" ")[0],
        row["user_id"],
        row["repo_id"],
        row["rank"],
        row["added_by_name"] or "",
        row["created_at"],
        row["used_at"],
    )
