"""One writer, pooled readers."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

import aiosqlite

from gitperch.tasks import seen_through

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

Row = sqlite3.Row
READERS = 2
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    # In WAL mode: a power cut may take the last transactions, never the file; refs are reconciled at start.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -1024",
)
_READ_ONLY = ("PRAGMA query_only = ON",)


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

    def __init__(
        self,
        path: Path,
        writer: aiosqlite.Connection,
        readers: Sequence[aiosqlite.Connection],
        peeking: sqlite3.Connection,
    ) -> None:
        self.path = path
        self._writer = writer
        self._peeking = peeking
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
            peeking = stack.enter_context(closing(_peeking(path)))
            yield cls(path, writer, pool, peeking)

    def peek(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query that finds few by an index, read from the last committed state, whoever committed it.

        In this thread, for what every request asks: the row costs 20 µs, and the way to another thread and back ten times that.
        """
        # All of them: a cursor that is not at its end would hold on to the state it began with.
        rows = self._peeking.execute(sql, parameters).fetchall()
        return rows[0] if rows else None

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
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        for pragma in (*_PRAGMAS, *(_READ_ONLY if read_only else ())):
            await connection.execute_fetchall(pragma)
        yield connection


def _peeking(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # Nobody makes a reader wait in WAL mode, but one who mends the file after a crash; this one must not wait long.
    for pragma in (*_PRAGMAS, *_READ_ONLY, "PRAGMA busy_timeout = 1000"):
        connection.execute(pragma)
    return connection
