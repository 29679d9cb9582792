"""*Refs have moved*: the one place where a push, an edit, an import and a reconciliation become an event.

Refs and the database cannot commit together, so nobody is believed about what moved. The refs on disk are read, compared with
the refs that plugins were last told about (`repo_refs`), and the difference becomes true in one transaction: new values, event,
deliveries. Observing twice is harmless; observing late finds everything that was missed.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from gitperch.events import RefChange, RefsUpdated
from gitperch.git import names, refs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from gitperch.db import Database
    from gitperch.delivery.outbox import EventLog
    from gitperch.git import Git
    from gitperch.repositories import Repository

AT_ONCE = 100  # refs that are read sooner than a thread would have begun to
_EXISTS = "SELECT 1 FROM repositories WHERE id = ?"
_FIRST_CHOICES = ("refs/heads/main", "refs/heads/master")


class RefsObserver:
    def __init__(self, db: Database, git: Git, events: EventLog) -> None:
        self._db = db
        self._git = git
        self._events = events
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def observe(
        self, repo: Repository, ref_names: Collection[str] | None = None, *, actor: str = "", source: str
    ) -> RefsUpdated | None:
        """Record what has moved since the last look; None when nothing has.

        `ref_names` says where to look (full names); None looks everywhere. `actor` is the user name to record.
        """
        # One look at a time for each repository: reading and writing in turn keeps the older look from winning.
        lock = self._locks.setdefault(repo.id, asyncio.Lock())
        async with lock:
            if ref_names is None:
                found = await asyncio.to_thread(refs.snapshot, repo.path)
            elif len(ref_names) > AT_ONCE:
                found = await asyncio.to_thread(refs.read, repo.path, ref_names)
            else:
                found = refs.read(repo.path, ref_names)
            current = {name: oid for name, oid in found.items() if _is_told(name)}
            await self._settle_head(repo, current)

            def settled(connection: sqlite3.Connection) -> RefsUpdated | None:
                changes = _changes(_known(connection, repo.id, ref_names), current)
                if not changes or not connection.execute(_EXISTS, (repo.id,)).fetchall():
                    return None  # nothing moved, or the repository was deleted meanwhile
                _remember(connection, repo.id, changes)
                event = RefsUpdated(repo_id=repo.id, changes=tuple(changes), actor=actor, source=source)
                return self._events.written(event, connection)

            async with self._db.write() as tx:
                event = await tx.together(settled)
        if event:
            self._events.wake(event)
        return event

    async def _settle_head(self, repo: Repository, current: dict[str, str]) -> None:
        """The first branches decide the default one: main, master, else the first by name."""
        head = refs.head(repo.path)
        if head in current or refs.read(repo.path, [head]):
            return
        branches = sorted(name for name in current if name.startswith("refs/heads/"))
        if branches:
            choice = next((name for name in _FIRST_CHOICES if name in branches), branches[0])
            await self._git.run("symbolic-ref", "HEAD", choice, path=repo.path)


def _is_told(name: str) -> bool:
    return names.is_ref(name) and name.isprintable() and not name.startswith(names.HIDDEN_REFS)


def _known(connection: sqlite3.Connection, repo_id: int, ref_names: Collection[str] | None) -> dict[str, str]:
    sql, parameters = "SELECT name, oid FROM repo_refs WHERE repo_id = ?", [repo_id]
    if ref_names is not None:
        sql += " AND name IN (SELECT value FROM json_each(?))"
        parameters.append(json.dumps([name for name in ref_names if _is_told(name)]))  # type: ignore[arg-type]
    return {row["name"]: row["oid"] for row in connection.execute(sql, parameters)}


def _changes(known: dict[str, str], current: dict[str, str]) -> list[RefChange]:
    moved = [RefChange(name, known.get(name), oid) for name, oid in current.items() if known.get(name) != oid]
    return moved + [RefChange(name, oid, None) for name, oid in known.items() if name not in current]


def _remember(connection: sqlite3.Connection, repo_id: int, changes: list[RefChange]) -> None:
    gone = [(repo_id, change.ref) for change in changes if change.new is None]
    here = [(repo_id, change.ref, change.new) for change in changes if change.new is not None]
    connection.executemany("DELETE FROM repo_refs WHERE repo_id = ? AND name = ?", gone)
    connection.executemany("INSERT OR REPLACE INTO repo_refs VALUES (?, ?, ?)", here)
    connection.execute("UPDATE repositories SET pushed_at = ? WHERE id = ?", (time.time(), repo_id))
