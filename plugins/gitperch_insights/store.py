"""The sums of one repository in an SQLite file of its own: added to by the process that counts, read by the server."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitperch_insights.periods import LAST_DAY, periods_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gitperch_insights.tally import Tally

VERSION = 1
REWORK_DAYS = 21
MOST_FILES = 500_000
"""Paths that are told apart; what is changed beyond them is counted as lines, but is no hot spot."""

_MERGED = (
    "by_author (period, author, commits, merges, added, deleted)",
    "by_cell (period, cell, commits)",
    "by_file (period, file, changes, added, deleted)",
)


class StoreUnusable(Exception):
    """The file is missing, of another version, or damaged: count anew."""


@dataclass(frozen=True)
class State:
    """How far a store has come; see `schema.sql`."""

    base: str | None
    target: str | None
    done: int
    total: int
    boundary: str
    mailmap: str
    changes: int

    @property
    def progress(self) -> float:
        return self.done / self.total if self.total else 0.0


class Store:
    """Open with `Store.open` to read or `Store.made` to write; both are context managers."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self._authors: dict[tuple[str, str], int] = {}
        self._files: dict[bytes, int | None] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Store]:
        """To read. Raises StoreUnusable, also for what goes wrong inside the block."""
        try:
            # Not mode=ro: whoever closes a log last tidies it up.
            address = f"file:{quote(str(path))}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=5, isolation_level=None)) as found:
                found.execute("PRAGMA query_only = ON")
                found.execute("PRAGMA cache_size = -2048")
                if found.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                    raise StoreUnusable(f"{path.name} is of another version")
                yield cls(path, found)
        except sqlite3.Error as error:
            raise StoreUnusable(f"{path.name}: {error}") from None

    @classmethod
    @contextmanager
    def made(cls, path: Path) -> Iterator[Store]:
        """To write: a new one where there is none that can be used. Raises sqlite3.Error."""
        try:
            with cls.open(path) as found:
                found.state()
        except StoreUnusable:
            remove(path)
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as opened:
            opened.execute("PRAGMA journal_mode = WAL")
            opened.execute("PRAGMA synchronous = NORMAL")
            opened.execute("PRAGMA cache_size = -16384")
            if not opened.execute("PRAGMA user_version").fetchone()[0]:
                schema = Path(__file__).with_name("schema.sql").read_text("utf-8")
                opened.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {VERSION}; COMMIT")
            yield cls(path, opened)

    def state(self) -> State:
        columns = "base, target, done, total, boundary, mailmap, changes"
        return State(*self.connection.execute(f"SELECT {columns} FROM state").fetchone())  # noqa: S608 -- our own names

    def commits(self) -> int:
        """How many are counted."""
        return int(self.connection.execute("SELECT sum(commits) FROM days").fetchone()[0] or 0)

    def change(self, **columns: Any) -> None:
        """Set columns of the state."""
        sets = ", ".join(f"{name} = ?" for name in columns)
        self.connection.execute(f"UPDATE state SET {sets}, changes = changes + 1", tuple(columns.values()))  # noqa: S608

    @contextmanager
    def transaction(self, expected: State) -> Iterator[None]:
        """A write transaction. Raises StoreUnusable when somebody else has changed the store since it was in this state."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            self._expect(expected)
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            self._authors.clear()
            self._files.clear()
            raise

    def _expect(self, state: State) -> None:
        if self.state() != state:
            raise StoreUnusable("somebody else counts here, too")

    def add(self, tally: Tally) -> None:
        """Add these sums to the days, and to the months and years that they belong to. Within a transaction."""
        authors = {key: self._author(*key) for _, key in tally.authors}
        files = {path: self._file(path) for _, path in tally.files}
        run = self.connection.executemany
        run(
            """INSERT INTO days (day, commits, merges, added, deleted, unread) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (day) DO UPDATE SET commits = commits + excluded.commits, merges = merges + excluded.merges,
            added = added + excluded.added, deleted = deleted + excluded.deleted, unread = unread + excluded.unread""",
            ((day, *sums) for day, sums in tally.days.items()),
        )
        rows: tuple[Iterable[tuple[int, ...]], ...] = (
            ((day, authors[key], *sums) for (day, key), sums in tally.authors.items()),
            ((day, cell, commits) for (day, cell), commits in tally.cells.items()),
            ((day, number, *s) for (day, path), s in tally.files.items() if (number := files[path]) is not None),
        )
        for table, added in zip(_MERGED, rows, strict=True):
            self._merge(table, added)
        run("INSERT OR IGNORE INTO stale VALUES (?)", ((day,) for day in {day for day, _ in tally.files}))
        if len(self._files) > 50_000:
            self._files.clear()

    def drop_empty(self) -> None:
        """Remove what counts nothing any more, after commits were taken away. Within a transaction."""
        for table in ("days", "by_author", "by_cell"):
            self.connection.execute(f"DELETE FROM {table} WHERE commits = 0")  # noqa: S608 -- our own names
        self.connection.execute("DELETE FROM by_file WHERE changes = 0")

    def _merge(self, table: str, rows: Iterable[tuple[int, ...]]) -> None:
        _, _, columns = table.rstrip(")").partition("(")
        names = columns.split(", ")
        keys, sums = ", ".join(names[:2]), ", ".join(f"{name} = {name} + excluded.{name}" for name in names[2:])
        self.connection.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))}) ON CONFLICT ({keys}) DO UPDATE SET {sums}",  # noqa: S608
            ((period, *row[1:]) for row in rows for period in periods_of(row[0])),
        )

    def _author(self, name: str, email: str) -> int:
        key = name, email
        if key not in self._authors:
            self._authors[key] = self._number("identities (name, email)", "name = ? AND email = ?", key)
        return self._authors[key]

    def _file(self, path: bytes) -> int | None:
        if path not in self._files:
            try:
                self._files[path] = self._number("files (path)", "path = ?", (path,), MOST_FILES)
            except _FullError:
                self._files[path] = None
        return self._files[path]

    def _number(self, table: str, where: str, key: tuple[Any, ...], most: int = 0) -> int:
        """The id of the row with this key; a new one where there is none."""
        name = table.partition(" ")[0]
        row = self.connection.execute(f"SELECT id FROM {name} WHERE {where}", key).fetchone()  # noqa: S608 -- our own names
        if row is None:
            if most and (self.connection.execute(f"SELECT max(id) FROM {name}").fetchone()[0] or 0) >= most:  # noqa: S608
                raise _FullError
            marks = ", ".join("?" * len(key))
            return self.connection.execute(f"INSERT INTO {table} VALUES ({marks})", key).lastrowid or 0  # noqa: S608
        return int(row[0])

    def count_rework(self) -> None:
        """Count again the rework of days that changed, and of the days after them that look back on those. Within a transaction."""
        for first, last in _runs(row[0] for row in self.connection.execute("SELECT day FROM stale ORDER BY day")):
            tracked: dict[int, int] = {}
            reworked: dict[int, int] = {}
            before: dict[int, int] = {}  # the day on which each file was changed last
            for day, file, lines in self.connection.execute(
                "SELECT period, file, added + deleted FROM by_file WHERE period BETWEEN ? AND ? ORDER BY period",
                (first - REWORK_DAYS, last),
            ):
                tracked[day] = tracked.get(day, 0) + lines
                if day - before.get(file, -LAST_DAY) <= REWORK_DAYS:
                    reworked[day] = reworked.get(day, 0) + lines
                before[file] = day
            self.connection.execute(
                "UPDATE days SET tracked = 0, reworked = 0 WHERE day BETWEEN ? AND ?", (first, last)
            )
            self.connection.executemany(
                "UPDATE days SET tracked = ?, reworked = ? WHERE day = ?",
                ((tracked[day], reworked.get(day, 0), day) for day in tracked if day >= first),
            )
        self.connection.execute("DELETE FROM stale")

    def name_people(self, mapped: Callable[[list[tuple[str, str]]], list[tuple[str, str]]], everybody: bool) -> None:
        """Say which person each identity is, as `mapped` has it; with `everybody` also of those that had one. Within a transaction."""
        unknown = "" if everybody else "WHERE person IS NULL"
        rows = self.connection.execute(f"SELECT id, name, email FROM identities {unknown} ORDER BY id").fetchall()  # noqa: S608
        people: dict[str, int] = {}
        named = []
        for (number, *_), (name, email) in zip(rows, mapped([(n, e) for _, n, e in rows]), strict=True):
            key = name or email
            if key not in people:
                people[key] = self._person(key, email)
            named.append((people[key], number))
        self.connection.executemany("UPDATE identities SET person = ? WHERE id = ?", named)
        if everybody:
            self.connection.execute("DELETE FROM people WHERE id NOT IN (SELECT person FROM identities)")

    def _person(self, name: str, email: str) -> int:
        row = self.connection.execute("SELECT id FROM people WHERE name = ?", (name,)).fetchone()
        if row:
            return int(row[0])
        return self.connection.execute("INSERT INTO people (name, email) VALUES (?, ?)", (name, email)).lastrowid or 0


class _FullError(Exception):
    """There are as many as there may be."""


def remove(path: Path) -> None:
    """Remove a store, and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _runs(days: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of days that rework has to be counted for, when these changed."""
    stale = list(days)
    if not stale:
        return []
    breaks = [(one, two) for one, two in pairwise(stale) if two - one > 2 * REWORK_DAYS]
    firsts = [stale[0], *(two for _, two in breaks)]
    lasts = [*(one for one, _ in breaks), stale[-1]]
    return [(first, last + REWORK_DAYS) for first, last in zip(firsts, lasts, strict=True)]
