"""The outbox: an event and what it owes to each plugin are written in the transaction that made it true."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import json
import logging
import time
from typing import TYPE_CHECKING

from gitperch.events import Event, event_class
from gitperch.plugin import Mode

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    from gitperch.db import Database, Row, Transaction

    E = TypeVar("E", bound=Event)

log = logging.getLogger("gitperch.delivery")


class EventLog:
    """Records events and wakes the lanes; hands announced ones to the listeners that live only as long as the process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._durable: dict[type[Event], list[str]] = {}
        self._listeners: list[Callable[[Event], None]] = []
        self._wake = asyncio.Event()

    def owe(self, plugin: str, listens: Mapping[type[Event], Mode]) -> None:
        """From now on, every recorded event of these kinds makes a delivery for `plugin`."""
        for kind, mode in listens.items():
            if mode is not Mode.EPHEMERAL:
                self._durable.setdefault(kind, []).append(plugin)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event as it happens. It must not wait and must not raise."""
        self._listeners.append(listener)

    async def record(self, event: E, tx: Transaction | None = None) -> E:
        """Write `event` with what it owes; the event with its `id` and `at`.

        With `tx` it becomes true when that commits, and the caller calls `wake` afterwards.
        """
        if tx is None:
            async with self._db.write() as own:
                event = await own.together(functools.partial(self.written, event))
            self.wake(event)
            return event
        return await tx.together(functools.partial(self.written, event))

    async def announce(self, event: Event) -> None:
        """Tell only the ephemeral listeners, now; nothing is kept."""
        row = await self._db.row("SELECT max(id) AS id FROM events")
        self._tell(dataclasses.replace(event, id=(row and row["id"]) or 0, at=time.time()))

    def wake(self, *recorded: Event) -> None:
        """After a commit: the lanes look at the outbox, the ephemeral listeners hear of `recorded`."""
        for event in recorded:
            self._tell(event)
        self._wake.set()

    async def woken(self, timeout: float) -> None:
        """Until somebody has called `wake`, at most `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def since(self, repo_id: int, after: int, kinds: Iterable[str], limit: int) -> list[Event] | None:
        """The recorded events of these kinds with an id above `after`, oldest first; None when some of them may be gone
        or there are more than `limit`."""
        oldest = await self._db.row("SELECT min(id) AS id FROM events")
        if oldest and oldest["id"] is not None and after < oldest["id"] - 1:
            return None
        marks = ",".join("?" * len(list(kinds := list(kinds))))
        rows = await self._db.rows(
            f"SELECT * FROM events WHERE repo_id = ? AND id > ? AND kind IN ({marks}) ORDER BY id LIMIT ?",  # noqa: S608
            (repo_id, after, *kinds, limit + 1),
        )
        return None if len(rows) > limit else [event for row in rows if (event := event_from(row))]

    async def last_id(self, repo_id: int) -> int:
        """The id of the newest recorded event of this repository; 0 where there is none."""
        row = await self._db.row("SELECT max(id) AS id FROM events WHERE repo_id = ?", (repo_id,))
        return (row and row["id"]) or 0

    def written(self, event: E, connection: sqlite3.Connection) -> E:
        """`record` inside `tx.together`, for whoever has more to do there."""
        at = time.time()
        cursor = connection.execute(
            "INSERT INTO events (repo_id, kind, payload, at) VALUES (?, ?, ?, ?)",
            (event.repo_id, event.kind, json.dumps(event.payload(), separators=(",", ":")), at),
        )
        event_id = cursor.lastrowid or 0
        plugins = self._durable.get(type(event), [])
        connection.executemany(
            "INSERT INTO deliveries (plugin, repo_id, event_id) VALUES (?, ?, ?)",
            [(name, event.repo_id, event_id) for name in plugins],
        )
        return dataclasses.replace(event, id=event_id, at=at)

    def _tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


def event_from(row: Row) -> Event | None:
    """The event of a row of `events`; None when its plugin is not installed any more, or has forgotten how to read it."""
    cls = event_class(row["kind"])
    if not cls:
        return None
    try:
        return cls.from_payload(json.loads(row["payload"]), repo_id=row["repo_id"], id=row["id"], at=row["at"])
    except (TypeError, ValueError, KeyError) as error:
        log.warning("event %d (%s) cannot be read any more and is passed over: %r", row["id"], row["kind"], error)
        return None
