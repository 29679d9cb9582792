"""Who holds which file, so that two people do not change what cannot be merged (git-lfs `docs/api/locking.md`)."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitperch.errors import Conflict, Forbidden, NotFound
from gitperch.lfs.errors import Invalid

if TYPE_CHECKING:
    from gitperch.accounts.people import User
    from gitperch.db import Database, Row
    from gitperch.repositories import Repository

SHOWN = 100  # at once, unless asked for fewer or for up to MOST
MOST = 1000
KEPT = 10_000  # locks of one repository
PATH_LIMIT = 4096
_SELECT = "SELECT l.id, l.path, l.locked_at, l.user_id, u.name FROM lfs_locks l JOIN users u ON u.id = l.user_id"


@dataclass(frozen=True)
class Lock:
    id: int
    path: str
    locked_at: float
    user_id: int
    user_name: str

    def shown(self) -> dict[str, Any]:
        """As the protocol has it."""
        at = datetime.fromtimestamp(self.locked_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"id": str(self.id), "path": self.path, "locked_at": at, "owner": {"name": self.user_name}}


class AlreadyLocked(Conflict):
    """`lock` is the one that is in the way."""

    def __init__(self, lock: Lock) -> None:
        super().__init__(f"{lock.path} is locked by {lock.user_name} already.")
        self.lock = lock


class Locks:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, repo: Repository, user: User, path: object) -> Lock:
        """Lock `path` for `user`. Raises AlreadyLocked, Invalid for a path out of form, NotFound for a repository that is gone."""
        path = _checked(path)
        try:
            async with self._db.write() as tx:
                row = await tx.row(f"{_SELECT} WHERE l.repo_id = ? AND l.path = ?", (repo.id, path))
                if row:
                    raise AlreadyLocked(_lock(row))
                count = await tx.row("SELECT count(*) AS n FROM lfs_locks WHERE repo_id = ?", (repo.id,))
                if count and count["n"] >= KEPT:
                    raise Invalid(
                        f"{repo.full_name} has {KEPT} locks, the most there can be. Unlock what is not in work."
                    )
                now = time.time()
                lock_id = await tx.insert(
                    "INSERT INTO lfs_locks (repo_id, path, user_id, locked_at) VALUES (?, ?, ?, ?)",
                    (repo.id, path, user.id, now),
                )
        except sqlite3.IntegrityError:
            raise NotFound(f"{repo.full_name} is gone.") from None
        return Lock(lock_id, path, now, user.id, user.name)

    async def listing(
        self, repo: Repository, cursor: object = None, limit: object = None, path: str = "", lock_id: str = ""
    ) -> tuple[list[Lock], str | None]:
        """The locks in order of their age, perhaps only that of a path or an id, and the cursor of the next ones.

        Raises Invalid for a cursor or a limit that is no number.
        """
        after, most = _number("cursor", cursor, 0), max(1, min(_number("limit", limit, SHOWN), MOST))
        sql, parameters = f"{_SELECT} WHERE l.repo_id = ? AND l.id > ?", [repo.id, after]
        if path:
            sql, parameters = f"{sql} AND l.path = ?", [*parameters, path]  # type: ignore[list-item]
        if lock_id:
            sql, parameters = f"{sql} AND l.id = ?", [*parameters, lock_id]  # type: ignore[list-item]
        rows = await self._db.rows(f"{sql} ORDER BY l.id LIMIT ?", (*parameters, most + 1))
        found = [_lock(row) for row in rows[:most]]
        return found, str(found[-1].id) if len(rows) > most else None

    async def remove(self, repo: Repository, user: User, lock_id: str, *, force: bool, may_force: bool) -> Lock:
        """Unlock. Raises NotFound, and Forbidden for another's lock, unless by force from one who may use it."""
        async with self._db.write() as tx:
            row = await tx.row(f"{_SELECT} WHERE l.repo_id = ? AND l.id = ?", (repo.id, lock_id))
            if not row:
                raise NotFound(
                    f"There is no lock {lock_id[:40]} in {repo.full_name}; it may have been unlocked already."
                )
            lock = _lock(row)
            if lock.user_id != user.id and not (force and may_force):
                why = "Ask them, or somebody who may administer the repository" if force else "Use --force if you may"
                raise Forbidden(f"{lock.path} is locked by {lock.user_name}. {why}.")
            await tx.execute("DELETE FROM lfs_locks WHERE repo_id = ? AND id = ?", (repo.id, lock.id))
        return lock


def _lock(row: Row) -> Lock:
    return Lock(row["id"], row["path"], row["locked_at"], row["user_id"], row["name"])


def _checked(path: object) -> str:
    parts = path.split("/") if isinstance(path, str) else [""]
    if not isinstance(path, str) or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise Invalid("path has to name a file from the top of the repository, without empty, '.' or '..' parts.")
    try:
        length = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise Invalid("path has to be UTF-8.") from None
    if length > PATH_LIMIT:
        raise Invalid(f"path is longer than {PATH_LIMIT} bytes.")
    return path


def _number(name: str, value: object, default: int) -> int:
    """A number that came as one or as text; `default` for none."""
    if value in (None, ""):
        return default
    text = str(value) if type(value) in (int, str) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid(f"{name} has to be a whole number.")
    return int(text)
