"""People. Registration is closed: an account comes from the command line or an administrator."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.accounts import passwords
from gitperch.errors import BadRequest, Conflict
from gitperch.git import names

if TYPE_CHECKING:
    from gitperch.db import Database, Row

HASHES_AT_ONCE = 2


@dataclass(frozen=True)
class User:
    id: int
    name: str
    is_admin: bool
    created_at: float


class People:
    def __init__(self, db: Database) -> None:
        self._db = db
        # 16 MB and a core each; and the threads that all else waits for must not be full of them.
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)

    @staticmethod
    def _from(row: Row) -> User:
        return User(row["id"], row["name"], bool(row["is_admin"]), row["created_at"])

    async def find(self, name: str) -> User | None:
        row = self._db.peek("SELECT * FROM users WHERE name = ?", (name,))
        return self._from(row) if row else None

    async def by_id(self, user_id: int) -> User | None:
        row = self._db.peek("SELECT * FROM users WHERE id = ?", (user_id,))
        return self._from(row) if row else None

    async def exist(self) -> bool:
        """Whether anybody is there who could sign in."""
        return bool(await self._db.row("SELECT 1 FROM users WHERE password IS NOT NULL LIMIT 1"))

    async def add(self, name: str, password: str | None, *, is_admin: bool = False) -> User:
        """A new person; without a password a namespace that nobody can sign in to.

        Raises BadRequest for a name or password out of form, Conflict where the name is taken.
        """
        names.owner_name(name)
        stored = await self._hashed(password) if password is not None else None
        try:
            async with self._db.write() as tx:
                created_at = time.time()
                user_id = await tx.insert(
                    "INSERT INTO users (name, password, is_admin, created_at) VALUES (?, ?, ?, ?)",
                    (name, stored, is_admin, created_at),
                )
        except sqlite3.IntegrityError:
            raise Conflict(f"The name {name!r} is taken; choose another.", field="name") from None
        return User(user_id, name, is_admin, created_at)

    async def check(self, name: str, password: str) -> User | None:
        """The person with this name and password; None for any other, after the same time."""
        row = self._db.peek("SELECT * FROM users WHERE name = ?", (name,))
        stored = row["password"] if row else None
        async with self._hashing:
            right = await asyncio.to_thread(passwords.check_password, password, stored)
        return self._from(row) if row and right else None

    async def set_password(self, user: User, password: str) -> None:
        """A new password; every browser session of this person ends. Raises BadRequest for a short one."""
        stored = await self._hashed(password)
        async with self._db.write() as tx:
            await tx.execute("UPDATE users SET password = ? WHERE id = ?", (stored, user.id))
            await tx.execute("DELETE FROM browser_sessions WHERE user_id = ?", (user.id,))

    async def _hashed(self, password: str) -> str:
        if len(password) < passwords.MINIMUM_LENGTH:
            raise BadRequest(
                f"The password is too short: it needs at least {passwords.MINIMUM_LENGTH} characters.", field="password"
            )
        async with self._hashing:
            return await asyncio.to_thread(passwords.hash_password, password)
