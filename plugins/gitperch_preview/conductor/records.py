"""What is kept of deployments. Whatever pages show of a change becomes true in the transaction that tells of it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch_preview.conductor import states, stored
from gitperch_preview.conductor.news import whole
from gitperch_preview.events import PreviewChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitperch.db import Row
    from gitperch.host import Host
    from gitperch_preview.contract import Recipe

# What a preview has become is not lost on a full disk: whoever fills it is ended in less time than this.
FULL_TRIES, FULL_PAUSE = 30, 0.5
_COLUMNS = "id, repo_id, branch, oid, runner, state, problem, actor, secrets, built, command, handle, created_at"
_REPLACED = "A newer push replaced it."
_TIMES = {
    states.BUILDING: "building_at",
    states.STARTING: "starting_at",
    states.READY: "ready_at",
    states.FAILED: "ended_at",
    states.STOPPED: "ended_at",
}


@dataclass(slots=True)
class Record:
    """A row of `preview_deployments`, but for what only its start needs."""

    id: int
    repo_id: int
    branch: str
    oid: str
    runner: str
    state: str
    problem: str
    actor: str
    secrets: bool
    built: bool
    command: int
    handle: str
    created_at: float


@dataclass(frozen=True)
class Asked:
    """A deployment that is to be made."""

    repo_id: int
    branch: str
    oid: str
    runner: str
    recipe: str
    """As `stored.recipe_text` has it."""
    state: str = states.QUEUED
    problem: str = ""
    source: str = "push"
    actor: str = ""
    secrets: bool = False


class Gone(Exception):
    """The branch, or its repository, is not there any more."""


class Records:
    def __init__(self, host: Host) -> None:
        self._db = host.db
        self._events = host.events
        self._url = host.config.preview_url

    async def apps(self) -> list[tuple[Record, Record | None, float]]:
        """Of every branch with an app: its newest deployment, the one that serves, and when it was last visited."""
        rows = await self._db.rows(
            f"SELECT {_COLUMNS} FROM preview_deployments WHERE id IN"  # noqa: S608 -- our own names
            " (SELECT newest FROM preview_apps UNION SELECT serving FROM preview_apps)"
        )
        known = {row["id"]: _record(row) for row in rows}
        apps = await self._db.rows("SELECT newest, serving, visited_at FROM preview_apps")
        return [(known[app["newest"]], known.get(app["serving"]), app["visited_at"]) for app in apps]

    async def recipe(self, deployment_id: int) -> Recipe:
        """Raises Gone."""
        return stored.recipe_of(await self.recipe_text(deployment_id))

    async def recipe_text(self, deployment_id: int) -> str:
        row = await self._db.row("SELECT recipe FROM preview_deployments WHERE id = ?", (deployment_id,))
        if not row:
            raise Gone
        text: str = row["recipe"]
        return text

    async def alive(self) -> set[int]:
        """Every deployment of which there may be something on this machine."""
        rows = await self._db.rows(
            "SELECT id FROM preview_deployments WHERE id IN (SELECT serving FROM preview_apps)"
            " OR (id IN (SELECT newest FROM preview_apps) AND (built OR state IN ('queued', 'building', 'starting')))"
        )
        return {row["id"] for row in rows}

    async def known(self) -> set[int]:
        """Every deployment that is remembered."""
        return {row["id"] for row in await self._db.rows("SELECT id FROM preview_deployments")}

    async def seal(self, deployment_id: int, sealed: bytes) -> None:
        """Keep what the vault has sealed for a deployment."""
        async with self._db.write() as tx:
            await tx.execute("UPDATE preview_deployments SET sealed = ? WHERE id = ?", (sealed, deployment_id))

    async def sealed(self, deployment_id: int) -> bytes:
        row = await self._db.row("SELECT sealed FROM preview_deployments WHERE id = ?", (deployment_id,))
        return row["sealed"] if row else b""

    async def built(self) -> list[tuple[int, str]]:
        """(id, runner) of what is taken for built."""
        rows = await self._db.rows("SELECT id, runner FROM preview_deployments WHERE built")
        return [(row["id"], row["runner"]) for row in rows]

    async def add(self, asked: Asked) -> Record:
        """A new deployment, the newest of its branch from now on; those before it that are on their way are replaced. Raises Gone."""
        states.check("", asked.state)

        def added(connection: sqlite3.Connection) -> tuple[Record, PreviewChanged]:
            now = time.time()
            key = (asked.repo_id, asked.branch)
            label = _label(connection, *key)
            connection.execute(
                "UPDATE preview_deployments SET state = 'stopped', problem = ?, ended_at = ? WHERE repo_id = ? AND branch = ?"
                " AND state IN ('queued', 'building', 'starting') AND ready_at IS NULL",
                (_REPLACED, now, *key),
            )
            made = connection.execute(
                "INSERT INTO preview_deployments"
                " (repo_id, branch, oid, runner, state, problem, recipe, source, actor, secrets, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(*key, asked.oid, asked.runner, asked.state, asked.problem, asked.recipe),
                    *(asked.source, asked.actor, asked.secrets, now),
                ),
            ).lastrowid
            connection.execute(
                "INSERT INTO preview_apps VALUES (?, ?, ?, NULL, 0) ON CONFLICT DO UPDATE SET newest = excluded.newest",
                (*key, made),
            )
            connection.execute(
                "UPDATE preview_hosts SET oid = ?, state = ? WHERE label = ?", (asked.oid, asked.state, label)
            )
            record = _read(connection, made or 0)
            return record, self._told(record, label)

        async with self._db.write() as tx:
            record, told = await tx.together(added)
            told = await self._events.record(told, tx)
        self._events.wake(told)
        return record

    async def move(self, record: Record, state: str, *, serves: bool = False, **columns: Any) -> None:
        """Bring a deployment to `state`, with other columns of its row. `serves`: from now on it is the one that answers, and the one
        that did is over. Not to be stopped half-way. Raises Gone, also where a newer deployment has ended this one.
        """
        await whole(self._moved(record, state, serves, columns))

    async def _moved(self, record: Record, state: str, serves: bool, columns: dict[str, Any]) -> None:
        for _ in range(FULL_TRIES):
            try:
                await self._move(record, state, serves, columns)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                await asyncio.sleep(FULL_PAUSE)
            else:
                return
        await self._move(record, state, serves, columns)

    async def _move(self, record: Record, state: str, serves: bool, columns: dict[str, Any]) -> None:
        def moved(connection: sqlite3.Connection) -> tuple[Record, PreviewChanged | None]:
            before = _read(connection, record.id)
            if before.state != record.state:
                raise Gone  # replaced, in a transaction that this task has not heard of yet
            states.check(before.state, state)
            _write(connection, record.id, state, columns)
            if serves:
                _serve(connection, record)
            after = _read(connection, record.id)
            newest = connection.execute("SELECT 1 FROM preview_apps WHERE newest = ?", (record.id,)).fetchall()
            if not newest:
                return after, None  # pages show what became of the newest
            label = _label(connection, record.repo_id, record.branch)
            connection.execute("UPDATE preview_hosts SET state = ? WHERE label = ?", (state, label))
            return after, self._told(after, label)

        async with self._db.write() as tx:
            after, told = await tx.together(moved)
            told = told and await self._events.record(told, tx)
        for name in Record.__slots__:
            setattr(record, name, getattr(after, name))
        if told:
            self._events.wake(told)

    def _told(self, record: Record, label: str) -> PreviewChanged:
        return PreviewChanged(
            repo_id=record.repo_id,
            branch=record.branch,
            state=record.state,
            url=self._url(label),
            deployment=record.id,
            oid=record.oid,
            problem=record.problem,
        )

    async def forget(self, repo_id: int, branch: str) -> dict[int, str]:
        """The branch has no app any more; its deployments, with their runners."""

        def forgotten(connection: sqlite3.Connection) -> dict[int, str]:
            key = (repo_id, branch)
            sql = "DELETE FROM preview_deployments WHERE repo_id = ? AND branch = ? RETURNING id, runner"
            connection.execute("DELETE FROM preview_apps WHERE repo_id = ? AND branch = ?", key)
            return {row["id"]: row["runner"] for row in connection.execute(sql, key).fetchall()}

        async with self._db.write() as tx:
            return await tx.together(forgotten)

    async def forget_built(self, ids: Iterable[int]) -> None:
        """What was built for these is gone from the machine."""
        async with self._db.write() as tx:
            await tx.executemany("UPDATE preview_deployments SET built = 0 WHERE id = ?", [(each,) for each in ids])

    async def prune(self, repo_id: int, branch: str, kept: int) -> list[int]:
        """Forget the oldest deployments of a branch, but for the newest `kept` and whatever still serves; their ids."""
        async with self._db.write() as tx:
            rows = await tx.rows(
                "DELETE FROM preview_deployments WHERE id IN (SELECT id FROM preview_deployments WHERE repo_id = ? AND branch = ?"
                " ORDER BY id DESC LIMIT -1 OFFSET ?) AND id NOT IN"
                " (SELECT serving FROM preview_apps WHERE repo_id = ? AND branch = ? AND serving IS NOT NULL)"
                " RETURNING id",
                (repo_id, branch, kept, repo_id, branch),
            )
        return [row["id"] for row in rows]

    async def visited(self, visits: Sequence[tuple[float, int, str]]) -> None:
        """Note (when, repository, branch) of last visits."""
        async with self._db.write() as tx:
            await tx.executemany("UPDATE preview_apps SET visited_at = ? WHERE repo_id = ? AND branch = ?", visits)


def _write(connection: sqlite3.Connection, deployment_id: int, state: str, columns: dict[str, Any]) -> None:
    values = {"problem": "", **columns, "state": state}
    if state in (states.FAILED, states.QUEUED):  # nothing of it is left that could be started
        values |= {"built": 0, "handle": "", "ready_at": None}
        connection.execute("UPDATE preview_apps SET serving = NULL WHERE serving = ?", (deployment_id,))
    if state == states.QUEUED:
        values |= {"building_at": None, "starting_at": None}
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(
        f"UPDATE preview_deployments SET {names} WHERE id = ?",  # noqa: S608 -- our own names
        (*values.values(), deployment_id),
    )
    if column := _TIMES.get(state):
        # But for its end, they tell of its first way to ready.
        again = "" if column == "ended_at" else f" AND {column} IS NULL"
        connection.execute(
            f"UPDATE preview_deployments SET {column} = ? WHERE id = ?{again}",  # noqa: S608 -- our own names
            (time.time(), deployment_id),
        )


def _serve(connection: sqlite3.Connection, record: Record) -> None:
    """From now on it is the one that answers, and the one that did is over."""
    connection.execute(
        "UPDATE preview_deployments SET state = 'stopped', built = 0, handle = '', ended_at = ? WHERE id ="
        " (SELECT serving FROM preview_apps WHERE repo_id = ? AND branch = ? AND serving <> ?)",
        (time.time(), record.repo_id, record.branch, record.id),
    )
    connection.execute(
        "UPDATE preview_apps SET serving = ? WHERE repo_id = ? AND branch = ?",
        (record.id, record.repo_id, record.branch),
    )


def _read(connection: sqlite3.Connection, deployment_id: int) -> Record:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM preview_deployments WHERE id = ?",  # noqa: S608 -- our own names
        (deployment_id,),
    ).fetchone()
    if not row:
        raise Gone
    return _record(row)


def _record(row: Row) -> Record:
    values = dict(row)
    return Record(**values | {"secrets": bool(values["secrets"]), "built": bool(values["built"])})


def _label(connection: sqlite3.Connection, repo_id: int, branch: str) -> str:
    row = connection.execute(
        "SELECT label FROM preview_hosts WHERE repo_id = ? AND branch = ?", (repo_id, branch)
    ).fetchone()
    if not row:
        raise Gone
    label: str = row["label"]
    return label
