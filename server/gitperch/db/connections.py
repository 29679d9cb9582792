"""One writer, pooled readers."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiosqlite

from gitperch.tasks import seen_through

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

Row = sqlite3.Row
READERS = 2


class Transaction:
    """What runs inside `BEGIN IMMEDIATE … COMMIT`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; its row count."""
        async with self._connection.execute(sql, parameters) as cursor:
            return cursor.rowcount

    async def insert(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one INSERT; the new row's id."""
        async with self._connection.execute(sql, parameters) as cursor:
            return cursor.lastrowid or 0

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        async with self._connection.executemany(sql, rows):
            pass

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return list(await self._connection.execute_fetchall(sql, parameters))

    async def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        rows = await self.rows(sql, parameters)
        return rows[0] if rows else None


class Database:
    """Open with `Database.open(path)`, an asynchronous context manager."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection]) -> None:
        self.path = path
        self._writer = writer
        self._write_lock = asyncio.Lock()
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        for reader in readers:
            self._readers.put_nowait(reader)

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path, readers: int = READERS) -> AsyncIterator[Database]:
        async with AsyncExitStack() as stack:
            writer = await stack.enter_async_context(_connect(path))
            # Persistent, so only the first connection ever changes it.
            await writer.execute_fetchall("PRAGMA journal_mode = WAL")
            pool = [await stack.enter_async_context(_connect(path, read_only=True)) for _ in range(readers)]
            yield cls(path, writer, pool)

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, read from the last committed state."""
        reader = await self._readers.get()
        try:
            return list(await reader.execute_fetchall(sql, parameters))
        finally:
            self._readers.put_nowait(reader)

    async def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        rows = await self.rows(sql, parameters)
        return rows[0] if rows else None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A write transaction: committed at the end of the block, rolled back when it raises.

        A cancelled task cannot leave the connection inside a transaction: each of its steps is seen through.
        """
        async with self._write_lock:
            try:
                await seen_through(self._writer.execute("BEGIN IMMEDIATE"))
                yield Transaction(self._writer)
                await seen_through(self._writer.commit())
            except BaseException:
                await seen_through(self._writer.rollback())
                raise

    async def script(self, sql: str) -> None:
        """Run a script of its own transactions (migrations) on the writer."""
        async with self._write_lock:
            try:
                await self._writer.executescript(sql)
            except BaseException:
                await seen_through(self._writer.rollback())
                raise


@asynccontextmanager
async def _connect(path: Path, *, read_only: bool = False) -> AsyncIterator[aiosqlite.Connection]:
    # NORMAL in WAL mode: a power cut may take the last transactions, never the file; refs are reconciled at start.
    pragmas = [
        "PRAGMA foreign_keys = ON",
        "PRAGMA busy_timeout = 10000",
        "PRAGMA synchronous = NORMAL",
        "PRAGMA cache_size = -1024",
    ]
    if read_only:
        pragmas.append("PRAGMA query_only = ON")
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        for pragma in pragmas:
            await connection.execute_fetchall(pragma)
        yield connection
