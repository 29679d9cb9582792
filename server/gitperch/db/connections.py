"""One writer, pooled readers."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, TypeVar

import aiosqlite

from gitperch.tasks import seen_through

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

T = TypeVar("T")

Row = sqlite3.Row
READERS = 2
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    # In WAL mode: a power cut may take the last transactions, never the file; refs are reconciled at start.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cache_size = -1024",
)
_READ_ONLY = "PRAGMA query_only = ON"


class Transaction:
    """What runs inside `BEGIN IMMEDIATE … COMMIT`."""

    def __init__(self, writer: _Writer) -> None:
        self._writer = writer

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; its row count."""
        return await self.together(lambda connection: connection.execute(sql, parameters).rowcount)

    async def insert(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one INSERT; the new row's id."""
        return await self.together(lambda connection: connection.execute(sql, parameters).lastrowid or 0)

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        await self.together(lambda connection: connection.executemany(sql, rows).close())

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return await self.together(lambda connection: connection.execute(sql, parameters).fetchall())

    async def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        rows = await self.rows(sql, parameters)
        return rows[0] if rows else None

    async def together(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work(connection)` returns: many statements for one way to the writer's thread and back. It must not commit."""
        return await self._writer.run(work)


class Database:
    """Open with `Database.open(path)`, an asynchronous context manager."""

    def __init__(
        self,
        path: Path,
        writer: _Writer,
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
            writer = await stack.enter_async_context(_Writer.open(path))
            pool = [await stack.enter_async_context(_reader(path)) for _ in range(readers)]
            # Nobody makes a reader wait in WAL mode, but one who mends the file after a crash; this one must not wait long.
            pragmas = (*_PRAGMAS, _READ_ONLY, "PRAGMA busy_timeout = 1000")
            peeking = stack.enter_context(closing(_connected(path, pragmas)))
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
                await seen_through(self._writer.run(_begin))
                yield Transaction(self._writer)
                await seen_through(self._writer.run(sqlite3.Connection.commit))
            except BaseException:
                await seen_through(self._writer.run(sqlite3.Connection.rollback))
                raise

    async def script(self, sql: str) -> None:
        """Run a script of its own transactions (migrations) on the writer."""
        async with self._write_lock:
            try:
                await self._writer.run(lambda connection: connection.executescript(sql).close())
            except BaseException:
                await seen_through(self._writer.run(sqlite3.Connection.rollback))
                raise


class _Writer:
    """The connection that writes, and its thread."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[_Writer]:
        with ThreadPoolExecutor(1, "database") as thread:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connected, path, _PRAGMAS)
            writer = cls(connection, thread)
            try:
                # Persistent, so only the first connection ever changes it.
                await writer.run(lambda connection: connection.execute("PRAGMA journal_mode = WAL").fetchall())
                yield writer
            finally:
                await seen_through(writer.run(sqlite3.Connection.close))

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _connected(path: Path, pragmas: Iterable[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for pragma in pragmas:
        connection.execute(pragma)
    return connection


@asynccontextmanager
async def _reader(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    async with aiosqlite.connect(path, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        for pragma in (*_PRAGMAS, _READ_ONLY):
            await connection.execute_fetchall(pragma)
        yield connection
