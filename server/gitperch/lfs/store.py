"""The bytes of large files, and which repository has which.

A file lies at `DATA/lfs/OWNER_ID/ab/cd/OID`, once for each owner. It comes into its place, and goes from it, inside the transaction
that says so: whoever holds the write lock can believe what is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import hashlib
import itertools
import json
import os
import secrets
import shutil
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import NotFound
from gitperch.events import Event, RepositoryDeleted
from gitperch.lfs import pointer
from gitperch.lfs.errors import Invalid
from gitperch.repositories.quota import OverQuota
from gitperch.tasks import seen_through

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from gitperch.db import Database, Transaction
    from gitperch.delivery import EventLog
    from gitperch.git.admission import Admission
    from gitperch.repositories import Repository
    from gitperch.repositories.quota import Quota
    from gitperch.tasks import Supervisor

PIECE = 256 << 10
SPARE = 64 << 20  # bytes of the disk that uploads leave to everything else
SWEEP_SECONDS = 3600.0
_AT_ONCE = 100  # files that one transaction moves aside
_UNLINKED = "NOT EXISTS (SELECT 1 FROM lfs_links l WHERE l.owner_id = o.owner_id AND l.oid = o.oid)"
_NEXT = f"""SELECT owner_id, oid FROM lfs_objects o WHERE (owner_id, oid) > (?, ?) AND {_UNLINKED}
  ORDER BY owner_id, oid LIMIT ?"""  # noqa: S608 -- our own words
_FORGET = f"DELETE FROM lfs_objects AS o WHERE owner_id = ? AND oid = ? AND {_UNLINKED}"  # noqa: S608 -- our own words


@dataclass(frozen=True)
class Stored:
    """An object that a repository has; `size` in bytes."""

    oid: str
    size: int
    path: Path

    @property
    def whole(self) -> bool:
        """Whether its bytes are on disk, by their number."""
        try:
            return self.path.stat().st_size == self.size
        except FileNotFoundError:
            return False


class Store:
    def __init__(self, db: Database, quota: Quota, folder: Path, places: Admission) -> None:
        self.places = places
        """For transfers, each a file that is open."""
        self._db = db
        self._quota = quota
        self._folder = folder
        self._incoming = folder / "incoming"
        self._placing = asyncio.Lock()  # so that two uploads cannot both have the last room

    def _path(self, owner_id: int, oid: str) -> Path:
        return self._folder / str(owner_id) / oid[:2] / oid[2:4] / oid

    async def linked(self, repo: Repository, oids: Collection[str]) -> dict[str, Stored]:
        """Those of `oids` that `repo` has."""
        rows = await self._db.rows(
            "SELECT l.oid, l.owner_id, o.size FROM lfs_links l JOIN lfs_objects o USING (owner_id, oid)"
            " WHERE l.repo_id = ? AND l.oid IN (SELECT value FROM json_each(?))",
            (repo.id, json.dumps(list(oids))),
        )
        return {row["oid"]: Stored(row["oid"], row["size"], self._path(row["owner_id"], row["oid"])) for row in rows}

    async def behind(self, repo: Repository, content: bytes) -> Stored | None:
        """The object that `content` is the pointer to, where `repo` has it."""
        found = pointer.parse(content)
        stored = (await self.linked(repo, [found.oid])).get(found.oid) if found else None
        return stored if found and stored and stored.size == found.size else None

    async def elsewhere(self, repo: Repository, oids: Collection[str]) -> dict[int, dict[str, int]]:
        """Those of `oids` that other repositories have from the owner of `repo`: by repository id, each with its size."""
        rows = await self._db.rows(
            "SELECT l.repo_id, l.oid, o.size FROM lfs_links l JOIN lfs_objects o USING (owner_id, oid)"
            " WHERE l.owner_id = ? AND l.oid IN (SELECT value FROM json_each(?)) AND l.repo_id <> ?",
            (repo.owner_id, json.dumps(list(oids)), repo.id),
        )
        found: dict[int, dict[str, int]] = {}
        for row in rows:
            found.setdefault(row["repo_id"], {})[row["oid"]] = row["size"]
        return found

    async def link(self, repo: Repository, sizes: dict[str, int]) -> None:
        """Let `repo` have objects (oid → size) that its owner has already. Raises OverQuota."""
        async with self._placing:
            await self._quota.require(repo, sum(sizes.values()))
            async with self._db.write() as tx:
                for oid in sizes:
                    # Only what is still there: it may have been swept up since it was found.
                    await tx.execute(
                        "INSERT OR IGNORE INTO lfs_links SELECT ?, oid, owner_id FROM lfs_objects WHERE owner_id = ? AND oid = ?",
                        (repo.id, repo.owner_id, oid),
                    )

    @asynccontextmanager
    async def received(self, oid: str, size: int, chunks: AsyncIterable[bytes]) -> AsyncIterator[Path]:
        """`chunks` in a file, which is gone after the block unless `place` has taken it.

        Raises Invalid where they are not the object `oid` of `size` bytes, OverQuota where the disk is full.
        """
        self._incoming.mkdir(parents=True, exist_ok=True)
        _check_room(self._incoming, size)
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("xb") as file:
                await _write(file, oid, size, chunks)
            yield path
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _disk_full() from None
            raise
        finally:
            path.unlink(missing_ok=True)

    async def place(self, repo: Repository, oid: str, size: int, received: Path) -> None:
        """Make a received file an object of `repo`. Raises OverQuota, and NotFound when the repository was deleted meanwhile."""
        target = self._path(repo.owner_id, oid)
        async with self._placing:
            if oid not in await self.linked(repo, [oid]):
                await self._quota.require(repo, size)
            try:
                async with self._db.write() as tx:
                    await tx.execute("INSERT OR IGNORE INTO lfs_objects VALUES (?, ?, ?)", (repo.owner_id, oid, size))
                    await tx.execute("INSERT OR IGNORE INTO lfs_links VALUES (?, ?, ?)", (repo.id, oid, repo.owner_id))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    received.rename(target)
            except sqlite3.IntegrityError:
                raise NotFound(f"{repo.full_name} was deleted while this came.") from None

    def start(self, tasks: Supervisor, events: EventLog) -> None:
        """From now on, bytes that nobody has any more are removed. To be called before the first upload."""
        woken = asyncio.Event()

        def hear(event: Event) -> None:
            if isinstance(event, RepositoryDeleted):
                woken.set()

        events.listen(hear)
        left = list(self._incoming.iterdir()) if self._incoming.exists() else []
        tasks.start("lfs", functools.partial(self._keep, left, woken), restart=True)

    async def _keep(self, left: list[Path], woken: asyncio.Event) -> None:
        await asyncio.to_thread(_remove, left)
        await self._sweep_files()
        while True:
            await self.sweep()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), SWEEP_SECONDS)
            woken.clear()

    async def sweep(self) -> None:
        """Remove the objects that no repository has."""
        last = (-1, "")
        while True:
            # Looked for outside the transaction: among very many it takes a while.
            rows = [(row["owner_id"], row["oid"]) for row in await self._db.rows(_NEXT, (*last, _AT_ONCE))]
            async with self._db.write() as tx:
                aside = [self._aside(self._path(*row)) for row in rows if await tx.execute(_FORGET, row)]
            await asyncio.to_thread(_remove, aside)
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1]

    async def _sweep_files(self) -> None:
        """Remove files that the database does not know: a crash has left them."""
        files = _files(self._folder)
        while some := await asyncio.to_thread(lambda: list(itertools.islice(files, _AT_ONCE))):
            if await self._unknown(self._db, some):
                async with self._db.write() as tx:
                    aside = [self._aside(path) for path in await self._unknown(tx, some)]
                await asyncio.to_thread(_remove, aside)

    async def _unknown(self, db: Database | Transaction, files: list[tuple[int, str]]) -> list[Path]:
        marks = ",".join(["(?, ?)"] * len(files))
        sql = f"SELECT owner_id, oid FROM lfs_objects WHERE (owner_id, oid) IN (VALUES {marks})"  # noqa: S608 -- marks alone
        known = {
            (row["owner_id"], row["oid"]) for row in await db.rows(sql, [value for file in files for value in file])
        }
        return [self._path(*file) for file in files if file not in known]

    def _aside(self, path: Path) -> Path:
        """Move a file out of its place at once; removing a large one takes longer than a transaction should."""
        self._incoming.mkdir(parents=True, exist_ok=True)
        aside = self._incoming / secrets.token_hex(16)
        with contextlib.suppress(FileNotFoundError):
            path.rename(aside)
        for folder in (path.parent, path.parent.parent):
            with contextlib.suppress(OSError):  # others are in it
                folder.rmdir()
        return aside


async def _write(file: BinaryIO, oid: str, size: int, chunks: AsyncIterable[bytes]) -> None:
    digest, written, pending = hashlib.sha256(), 0, bytearray()

    def flush() -> None:
        _check_room(file.fileno(), len(pending))  # others fill the disk too
        digest.update(pending)
        file.write(pending)
        pending.clear()

    async for chunk in chunks:
        pending += chunk
        written += len(chunk)
        if written > size:
            raise Invalid(f"More than the {size} bytes came that {oid} has; nothing was kept. Push again.")
        if len(pending) >= PIECE:
            # The disk may be slow, and the file must not be closed under a thread that writes to it.
            await seen_through(asyncio.to_thread(flush))
    await seen_through(asyncio.to_thread(flush))
    if written < size:
        raise Invalid(f"Only {written} of the {size} bytes of {oid} came; nothing was kept. Push again.")
    if digest.hexdigest() != oid:
        raise Invalid(f"What came has the SHA-256 {digest.hexdigest()} and not {oid}; nothing was kept. Push again.")
    file.flush()
    await seen_through(asyncio.to_thread(os.fsync, file.fileno()))


def _files(folder: Path) -> Iterator[tuple[int, str]]:
    """Every stored file as (owner id, oid)."""
    for owner in (path for path in folder.glob("*") if path.name.isdecimal()):
        for _, _, names in os.walk(owner):
            yield from ((int(owner.name), name) for name in names if pointer.is_oid(name))


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _check_room(place: Path | int, size: int) -> None:
    if shutil.disk_usage(place).free < size + SPARE:
        raise _disk_full()


def _disk_full() -> OverQuota:
    return OverQuota("The server's disk is full, so nothing was kept. Tell whoever runs it, and push again later.")
