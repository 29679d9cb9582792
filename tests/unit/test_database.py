"""A transaction is whole or was never there, whatever happens to the task that runs it."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gitperch.db import Database, migrate

if TYPE_CHECKING:
    from pathlib import Path


def test_what_raises_is_rolled_back_and_the_next_one_works(tmp_path: Path) -> None:
    async def scene() -> list[int]:
        async with Database.open(tmp_path / "x.db") as db:
            await db.script("CREATE TABLE t (n INTEGER)")

            async def fail() -> None:
                async with db.write() as tx:
                    await tx.execute("INSERT INTO t VALUES (1)")
                    raise RuntimeError

            with pytest.raises(RuntimeError):
                await fail()
            async with db.write() as tx:
                await tx.execute("INSERT INTO t VALUES (2)")
            return [row["n"] for row in await db.rows("SELECT n FROM t")]

    assert asyncio.run(scene()) == [2]


def test_a_cancelled_writer_leaves_no_transaction_open(tmp_path: Path) -> None:
    async def scene() -> int:
        async with Database.open(tmp_path / "x.db") as db:
            await db.script("CREATE TABLE t (n INTEGER)")

            async def writer() -> None:
                async with db.write() as tx:
                    await tx.execute("INSERT INTO t VALUES (1)")
                    await asyncio.sleep(0)

            whole = 0
            for turns in range(30):
                task = asyncio.ensure_future(writer())
                for _ in range(turns):
                    await asyncio.sleep(0.0002)
                task.cancel()
                done, _ = await asyncio.wait([task])
                whole += not done.pop().cancelled()
            async with db.write() as tx:
                await tx.execute("INSERT INTO t VALUES (2)")
            rows = await db.rows("SELECT n FROM t")
            assert len(rows) >= whole + 1
            return rows[-1]["n"]  # type: ignore[no-any-return]

    assert asyncio.run(scene()) == 2


def test_migrations_run_once_in_order_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_one.sql").write_text("CREATE TABLE one (n INTEGER);")

    async def scene() -> None:
        async with Database.open(tmp_path / "x.db") as db:
            assert await migrate(db, "x", folder) == ["0001_one.sql"]
            assert await migrate(db, "x", folder) == []
            (folder / "0002_two.sql").write_text("CREATE TABLE two (n INTEGER); CREATE TABLE one (n INTEGER);")
            with pytest.raises(Exception, match="already exists"):
                await migrate(db, "x", folder)
            assert not await db.rows("SELECT 1 FROM sqlite_master WHERE name = 'two'")
            (folder / "0002_two.sql").write_text("CREATE TABLE two (n INTEGER);")
            assert await migrate(db, "x", folder) == ["0002_two.sql"]

    asyncio.run(scene())


def test_what_another_process_commits_is_peeked_at_once_and_no_old_state_is_held(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Database.open(tmp_path / "x.db") as db:
            await db.script("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), (2)")
            with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
                for number in range(3, 30):
                    other.execute("UPDATE t SET n = ?", (number,))
                    row = db.peek("SELECT n FROM t")
                    assert row
                    assert row["n"] == number
                assert not db.peek("SELECT n FROM t WHERE n = 1")
                # A reader that still held a state would make this busy.
                assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
            with pytest.raises(sqlite3.OperationalError):
                db.peek("DELETE FROM t")

    asyncio.run(scene())
