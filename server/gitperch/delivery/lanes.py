"""The lanes: one per plugin and repository, in order, at least once. A slow or failing one holds up nobody else."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import TYPE_CHECKING

from gitperch.delivery.outbox import event_from
from gitperch.events import Event, RefChange, RefsUpdated
from gitperch.plugin import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from gitperch.config import DeliverySettings
    from gitperch.db import Database, Row
    from gitperch.delivery.outbox import EventLog
    from gitperch.plugin import Plugin
    from gitperch.tasks import Supervisor

log = logging.getLogger("gitperch.delivery")

TRIES = 8
_POLL_SECONDS = 1.0  # commands in other processes write to the outbox too
_BATCH = 200
_PRUNE_SECONDS = 3600.0


class Lanes:
    def __init__(
        self,
        db: Database,
        events: EventLog,
        plugins: Mapping[str, Plugin],
        settings: DeliverySettings,
        tasks: Supervisor,
    ) -> None:
        self._db = db
        self._events = events
        self._plugins = plugins
        self._settings = settings
        self._tasks = tasks
        self._active: dict[tuple[str, int], bool] = {}  # True: look once more before you stop

    async def run(self) -> None:
        """Start a lane wherever something waits, for ever."""
        while True:
            waiting = await self._db.rows("SELECT DISTINCT plugin, repo_id FROM deliveries WHERE state = 'waiting'")
            for row in waiting:
                key = (row["plugin"], row["repo_id"])
                if key in self._active:
                    self._active[key] = True
                elif row["plugin"] in self._plugins:
                    self._active[key] = False
                    self._tasks.start(f"lane {key[0]} {key[1]}", functools.partial(self._lane, *key))
            await self._events.woken(_POLL_SECONDS)

    async def prune(self) -> None:
        """Forget, every hour, delivered events older than `delivery.keep_days`, and what is owed to absent plugins."""
        while True:
            async with self._db.write() as tx:
                marks = ",".join("?" * len(self._plugins))
                await tx.execute(f"DELETE FROM deliveries WHERE plugin NOT IN ({marks})", tuple(self._plugins))  # noqa: S608
                await tx.execute(
                    "DELETE FROM events WHERE at < ? AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event_id = events.id)",
                    (time.time() - self._settings.keep_days * 86400,),
                )
            await asyncio.sleep(_PRUNE_SECONDS)

    async def _lane(self, plugin: str, repo_id: int) -> None:
        key = (plugin, repo_id)
        try:
            while True:
                self._active[key] = False
                rows = await self._waiting(plugin, repo_id)
                if not rows and not self._active[key]:
                    return
                for event, ids, attempts in _batches(rows, self._plugins[plugin].listens):
                    if not await self._deliver(plugin, repo_id, event, ids, attempts):
                        break  # the order is kept: look again from the one that failed
        finally:
            del self._active[key]

    async def _waiting(self, plugin: str, repo_id: int) -> list[Row]:
        return await self._db.rows(
            "SELECT e.*, d.attempts FROM deliveries d JOIN events e ON e.id = d.event_id"
            " WHERE d.plugin = ? AND d.repo_id = ? AND d.state = 'waiting' ORDER BY e.id LIMIT ?",
            (plugin, repo_id, _BATCH),
        )

    async def _deliver(self, plugin: str, repo_id: int, event: Event | None, ids: list[int], attempts: int) -> bool:
        """Hand over one event; whether the lane may go on to the next."""
        where = f"WHERE plugin = ? AND repo_id = ? AND event_id IN ({','.join('?' * len(ids))})"
        key = (plugin, repo_id, *ids)
        try:
            if event:
                async with asyncio.timeout(self._settings.handler_timeout):
                    await self._plugins[plugin].handle(event)
        except Exception as error:  # noqa: BLE001 -- whatever a plugin raises, it is tried again and then parked
            attempts += 1
            state = "failed" if attempts >= TRIES else "waiting"
            log.warning(
                "plugin %s could not handle event %s (try %d of %d): %r", plugin, ids[-1], attempts, TRIES, error
            )
            async with self._db.write() as tx:
                await tx.execute(
                    f"UPDATE deliveries SET attempts = ?, state = ?, error = ? {where}",  # noqa: S608 -- only question marks
                    (attempts, state, repr(error)[:1000], *key),
                )
            if state == "waiting":
                await asyncio.sleep(self._settings.retry_seconds * 2 ** (attempts - 1))
            return state == "failed"
        async with self._db.write() as tx:
            await tx.execute(f"DELETE FROM deliveries {where}", key)  # noqa: S608 -- only question marks
        return True


def _batches(rows: Iterable[Row], listens: Mapping[type[Event], Mode]) -> Iterator[tuple[Event | None, list[int], int]]:
    """(event, ids it stands for, attempts so far) in order; neighbouring RefsUpdated of a LATEST listener become one."""
    fold = listens.get(RefsUpdated) is Mode.LATEST
    waiting: RefsUpdated | None = None
    ids: list[int] = []
    attempts = 0
    for row in rows:
        event = event_from(row)
        if fold and isinstance(event, RefsUpdated):
            waiting = _folded(waiting, event) if waiting else event
            ids.append(event.id)
            attempts = max(attempts, row["attempts"])
            continue
        if waiting:
            yield waiting, ids, attempts
            waiting, ids, attempts = None, [], 0
        yield event, [row["id"]], row["attempts"]
    if waiting:
        yield waiting, ids, attempts


def _folded(first: RefsUpdated, then: RefsUpdated) -> RefsUpdated:
    """One event for two: each ref from where it was at first to where it went at last."""
    changes = {change.ref: change for change in first.changes}
    for change in then.changes:
        before = changes.get(change.ref)
        changes[change.ref] = RefChange(change.ref, before.old if before else change.old, change.new)
    return RefsUpdated(
        repo_id=then.repo_id,
        id=then.id,
        at=then.at,
        changes=tuple(change for change in changes.values() if change.old != change.new),
        actor=then.actor,
        source=then.source,
    )
