"""Repositories as the database knows them. On disk each is a bare repository named by its id, never by its name."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import shutil
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, Conflict, NotFound
from gitperch.events import RepositoryChanged, RepositoryCreated, RepositoryDeleted
from gitperch.git import names, refs

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.accounts.people import User
    from gitperch.db import Database, Row
    from gitperch.delivery import EventLog
    from gitperch.git import Git

_SELECT = """SELECT r.id, u.name AS owner, r.owner_id, r.name, r.description, r.private, r.open_previews, r.created_at, r.pushed_at
  FROM repositories r JOIN users u ON u.id = r.owner_id"""


@dataclass(frozen=True)
class Repository:
    """One repository. Times are Unix seconds; `path` is the bare repository on disk."""

    id: int
    owner: str
    owner_id: int
    name: str
    description: str
    private: bool
    open_previews: bool
    created_at: float
    pushed_at: float | None
    path: Path

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def head(self) -> str:
        """The default branch's short name, born or not."""
        return refs.head(self.path).removeprefix("refs/heads/")


class Repositories:
    def __init__(self, db: Database, git: Git, events: EventLog, storage: Path) -> None:
        self._db = db
        self._git = git
        self._events = events
        self._storage = storage
        # The same Path each time: it keeps its hash, by which much is looked up.
        self._path = functools.lru_cache(1000)(lambda repo_id: storage / f"{repo_id}.git")

    def _from(self, row: Row) -> Repository:
        values = dict(row)
        values["private"] = bool(values["private"])
        values["open_previews"] = bool(values["open_previews"])
        return Repository(**values, path=self._path(row["id"]))

    async def find(self, owner: str, name: str) -> Repository | None:
        """By its names, in any case; None where there is none."""
        row = self._db.peek(f"{_SELECT} WHERE u.name = ? AND r.name = ?", (owner, name))
        return self._from(row) if row else None

    async def by_id(self, repo_id: int) -> Repository | None:
        row = self._db.peek(f"{_SELECT} WHERE r.id = ?", (repo_id,))
        return self._from(row) if row else None

    async def everything(self) -> list[Repository]:
        return [self._from(row) for row in await self._db.rows(f"{_SELECT} ORDER BY u.name, r.name")]

    async def readable(self, user: User | None) -> list[Repository]:
        """What `user` (None: anonymous) may read, the latest push first."""
        if user and user.is_admin:
            where, parameters = "1", ()
        else:
            where = "NOT r.private OR r.owner_id = :user OR r.id IN (SELECT repo_id FROM collaborators WHERE user_id = :user)"
            where, parameters = where.replace(":user", "?"), (user.id if user else 0,) * 2  # type: ignore[assignment]
        rows = await self._db.rows(
            f"{_SELECT} WHERE {where} ORDER BY coalesce(r.pushed_at, r.created_at) DESC", parameters
        )
        return [self._from(row) for row in rows]

    async def create(
        self, owner: User, name: str, *, private: bool = True, description: str = "", object_format: str = "sha1"
    ) -> Repository:
        """A new, empty repository. Raises BadRequest for a name out of form, Conflict where it exists."""
        name = names.repository_name(name)
        # Made before it is known, so that nobody who finds the record finds no repository behind it.
        made = self._storage / f"new-{secrets.token_hex(8)}"
        init = ("init", "--bare", "--quiet", "--template=", f"--object-format={object_format}")
        await self._git.run(*init, str(made))
        try:
            async with self._db.write() as tx:
                repo_id = await tx.insert(
                    "INSERT INTO repositories (owner_id, name, description, private, created_at) VALUES (?, ?, ?, ?, ?)",
                    (owner.id, name, description[:500], private, time.time()),
                )
                event = RepositoryCreated(repo_id=repo_id, owner=owner.name, name=name)
                event = await self._events.record(event, tx)
                path = self._path(repo_id)
                shutil.rmtree(path, ignore_errors=True)  # there is none, unless a crash left one
                made = made.rename(path)
        except Exception as error:
            await asyncio.to_thread(shutil.rmtree, made, ignore_errors=True)
            if isinstance(error, sqlite3.IntegrityError):
                raise Conflict(f"{owner.name}/{name} exists already; choose another name.", field="name") from None
            raise
        self._events.wake(event)
        found = await self.by_id(repo_id)
        assert found  # noqa: S101 -- it was made a moment ago
        return found

    async def change(
        self,
        repo: Repository,
        *,
        description: str | None = None,
        private: bool | None = None,
        open_previews: bool | None = None,
    ) -> None:
        """Change settings; None leaves one as it is."""
        given = {"description": description, "private": private, "open_previews": open_previews}
        async with self._db.write() as tx:
            for column, value in given.items():
                if value is not None:
                    await tx.execute(f"UPDATE repositories SET {column} = ? WHERE id = ?", (value, repo.id))  # noqa: S608 -- our own names
            event = await self._events.record(RepositoryChanged(repo_id=repo.id), tx)
        self._events.wake(event)

    async def set_default_branch(self, repo: Repository, branch: str) -> None:
        """Point HEAD at `branch`. Raises BadRequest where there is no such branch."""
        ref = f"refs/heads/{branch}"
        if not names.is_ref(ref) or ref not in refs.read(repo.path, [ref]):
            raise BadRequest(
                f"There is no branch {branch[:120]!r}; push it first, then make it the default.", field="default_branch"
            )
        await self._git.run("symbolic-ref", "HEAD", ref, path=repo.path)
        async with self._db.write() as tx:
            event = await self._events.record(RepositoryChanged(repo_id=repo.id), tx)
        self._events.wake(event)

    async def delete(self, repo: Repository) -> None:
        """Remove it: first from the database, then from disk; a crash between the two is swept up at the next start."""
        async with self._db.write() as tx:
            if not await tx.execute("DELETE FROM repositories WHERE id = ?", (repo.id,)):
                raise NotFound(f"{repo.full_name} is gone already.")
            event = await self._events.record(RepositoryDeleted(repo_id=repo.id, owner=repo.owner, name=repo.name), tx)
        self._events.wake(event)
        await asyncio.to_thread(shutil.rmtree, repo.path, ignore_errors=True)

    async def sweep(self) -> None:
        """Make what a crash left undone whole: folders without a record go, records without a folder get an empty one."""
        folders = list(self._storage.glob("*.git"))
        async with self._db.write() as tx:  # whoever was making one of these folders has committed its record by now
            known = {row["id"] for row in await tx.rows("SELECT id FROM repositories")}
        for path in folders:
            if path.stem.isdigit() and int(path.stem) not in known:
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        for path in self._storage.glob("new-*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - 3600:  # a younger one may be another process's work
                    await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        for repo_id in known:
            if not (self._path(repo_id) / "HEAD").exists():
                await self._git.run("init", "--bare", "--quiet", "--template=", str(self._path(repo_id)))
