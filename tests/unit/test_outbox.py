"""What was once written to the outbox can be read, or is passed over; it never stops a lane."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.assembly import MIGRATIONS
from gitperch.db import Database, migrate
from gitperch.delivery import EventLog
from gitperch.delivery.outbox import event_from
from gitperch.events import RefChange, RefsUpdated

if TYPE_CHECKING:
    from pathlib import Path


def test_events_come_back_as_they_were_and_unreadable_ones_as_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Database.open(tmp_path / "x.db") as db:
            await migrate(db, "gitperch", MIGRATIONS)
            events = EventLog(db)
            changes = (RefChange("refs/heads/ü", None, "1" * 40), RefChange("refs/tags/v1", "2" * 40, None))
            recorded = await events.record(RefsUpdated(repo_id=7, changes=changes, actor="ada", source="push"))
            async with db.write() as tx:
                for kind, payload in (("refs.updated", '{"colour": 1}'), ("refs.updated", "["), ("gone.plugin", "{}")):
                    await tx.execute(
                        "INSERT INTO events (repo_id, kind, payload, at) VALUES (7, ?, ?, 0)", (kind, payload)
                    )
            rows = await db.rows("SELECT * FROM events ORDER BY id")
            assert [event_from(row) for row in rows] == [recorded, None, None, None]
            assert await events.since(7, 0, ["refs.updated"], 10) == [recorded]

    asyncio.run(scene())
