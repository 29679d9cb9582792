"""Which request a virtual pack answers, and of what it is made."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from gitperch.git import base_pack
from gitperch.git.process import AS_NAMED, READ_SIZE, GitError
from gitperch.transport.clones import files
from gitperch.transport.clones.checksum import Checksum
from gitperch.transport.clones.spool import Spool
from gitperch.transport.clones.virtual_pack import HEADER, Base, VirtualPack
from gitperch.transport.relay import beside, feed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.git.base_pack import BasePack
    from gitperch.transport.clones.counters import Counters
    from gitperch.transport.clones.snapshot import Visible
    from gitperch.transport.fetch_request import FetchRequest
    from gitperch.transport.opened import Opened

log = logging.getLogger("gitperch.clones")

_PLANS = 100
_RECORDS = 100
_LARGEST_TAIL = 256 << 20  # bytes; and no more than half of the base pack
_IN_MEMORY = 64 << 10  # bytes of a tail; more lie in a file
_SMALL_TAIL = 4 << 20  # bytes that a small repository may have come to all the same
_SECONDS = 120.0


class Planner:
    def __init__(self, git: Git, folder: Path, room: Callable[[int], bool], counters: Counters) -> None:
        self._git = git
        self._folder = folder
        self._room = room
        self._counters = counters
        self._records: OrderedDict[Path, tuple[tuple[int, ...], BasePack | None]] = OrderedDict()
        self._bases: OrderedDict[tuple[object, ...], Base] = OrderedDict()
        self._plans: OrderedDict[tuple[object, ...], VirtualPack | None] = OrderedDict()
        self._locks: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def plan(
        self, opened: Opened, request: FetchRequest, visible: Visible
    ) -> tuple[VirtualPack, files.OpenFile] | None:
        """The pack for a full `request`, and the open file of its base; None where git has to be asked.

        Raises Busy where the tail has to be made and no git process could begin.
        """
        record = self._record(opened.path)
        if not record or b"ofs-delta" not in request.flags:
            return None
        # From here on the file is ours, whoever repacks.
        file = files.opened(record.pack_path)
        base = file and self._base(file, record, visible.listing.object_format.decode())
        if not file or not base or base.sound is False:
            return None
        wants, tags = frozenset(request.wants), visible.unasked(request)
        key = (opened.path, base.key, _digest(wants), _digest(tags))
        if key not in self._plans:
            async with self._locks.setdefault(key, asyncio.Lock()):
                if key not in self._plans:
                    try:
                        self._remember(key, await self._made(opened, record, base, wants, tags))
                    except (GitError, OSError) as error:
                        log.info("no virtual pack of %s: %s", opened.path.name, error)
                        return None
        pack = self._plans[key]
        self._plans.move_to_end(key)
        return (pack, file) if pack else None

    def forget(self, path: Path) -> None:
        """The refs of the repository at `path` have moved: what was made for others will hardly be asked for again."""
        for key in [key for key in self._plans if key[0] == path]:
            self._drop(key)

    def _record(self, path: Path) -> BasePack | None:
        """What is proven of the repository, read anew when its record has changed."""
        try:
            status = os.stat(f"{path}/{base_pack.RECORD}")  # noqa: PTH116 -- on the way of every clone
        except OSError:
            return None
        signature = (status.st_ino, status.st_mtime_ns, status.st_size)
        known = self._records.get(path)
        if not known or known[0] != signature:
            known = self._records[path] = (signature, base_pack.read(path))
            if len(self._records) > _RECORDS:
                self._records.popitem(last=False)
        return known[1]

    def _base(self, file: files.OpenFile, record: BasePack, object_format: str) -> Base | None:
        """The pack in `file`, if it is the one of `record`, as far as can be seen without reading it all."""
        status = os.fstat(file.fd)
        key = (files.key(file.fd), record.tips)
        if key not in self._bases:
            hash_size = hashlib.new(object_format, usedforsecurity=False).digest_size
            header = os.pread(file.fd, HEADER, 0)
            trailer = os.pread(file.fd, hash_size, status.st_size - hash_size)
            if header != b"PACK\0\0\0\2" + record.objects.to_bytes(4, "big") or status.st_size != record.size:
                return None
            # git names a pack after its checksum, which thereby tells it from another in its place.
            if (
                record.pack_path.name != f"pack-{trailer.hex()}.pack"
                or record.pack_path.with_suffix(".promisor").exists()
            ):
                return None
            self._bases[key] = Base(record.pack_path, key, status.st_size, header, trailer, Checksum(object_format))
            if len(self._bases) > _RECORDS:
                self._bases.popitem(last=False)
        return self._bases[key]

    def _remember(self, key: tuple[object, ...], pack: VirtualPack | None) -> None:
        self._plans[key] = pack
        if len(self._plans) > _PLANS:
            self._drop(next(iter(self._plans)))

    def _drop(self, key: tuple[object, ...]) -> None:
        pack = self._plans.pop(key)
        if pack and pack.tail:
            pack.tail.release()

    async def _made(
        self, opened: Opened, record: BasePack, base: Base, wants: frozenset[bytes], tags: dict[bytes, bytes]
    ) -> VirtualPack | None:
        """`tags` come along unasked, each with what it is a tag of. Raises GitError, OSError, Busy."""
        lost = record.tips - wants - tags.keys()
        beyond = (wants | tags.keys()) - record.tips
        if lost or tags:
            async with self._git.children.turn(opened.client):
                if not await self._reach(opened.path, wants, lost | frozenset(tags.values())):
                    return None
        tail = None
        if beyond:
            async with self._git.children.turn(opened.client):
                tail = await self._tail(opened.path, record, beyond)
        objects = 0
        if tail:
            # Only now is it certain that git knew the base pack and left out what is in it.
            if tail.passing or files.key(record.pack_path) != base.key[0]:
                tail.release()
                return None
            async for header in tail.pieces(0, HEADER):
                objects = int.from_bytes(header[8:], "big")
            self._counters.tails += 1
        if not tail or not objects:
            return VirtualPack(base, record.objects, None, base.own, base.trailer)
        return VirtualPack(base, record.objects + objects, tail, base.own.fresh())

    async def _reach(self, path: Path, wants: frozenset[bytes], oids: frozenset[bytes]) -> bool:
        """Whether `wants` reach all of `oids`, which has to be true of commits only: nothing but its ref leads to a tag."""
        options: dict[str, Any] = {"path": path, "environment": AS_NAMED, "timeout": _SECONDS}
        kinds = await self._git.run("cat-file", "--batch-check=%(objecttype)", **options, stdin=_lines(oids))
        if set(kinds.split()) != {b"commit"}:
            return False
        asked = _lines(oids) + _lines(wants, b"^")
        return not await self._git.run("rev-list", "--max-count=1", "--stdin", **options, stdin=asked)

    async def _tail(self, path: Path, record: BasePack, beyond: frozenset[bytes]) -> Spool:
        """A pack of what `beyond` reaches and the base pack has not. Its deltas may be on objects there: they are in the same pack."""
        tail = Spool(self._folder, self._room, _IN_MEMORY)
        arguments = ("-c", "pack.useBitmaps=false", "pack-objects", "--revs", "--stdout", "--quiet", "--thin")
        options: dict[str, Any] = {"path": path, "environment": AS_NAMED, "timeout": _SECONDS}
        limit = max(_SMALL_TAIL, min(_LARGEST_TAIL, record.size // 2))
        try:
            async with (
                self._git.stream(
                    *arguments, "--delta-base-offset", f"--keep-pack={record.pack_path.name}", **options
                ) as process,
                beside(feed(_once(_lines(beyond) + _lines(record.tips, b"^")), process)),
            ):
                assert process.stdout  # noqa: S101 -- a pipe, as `stream` makes it
                while data := await process.stdout.read(READ_SIZE):
                    await tail.append(data)
                    if tail.size > limit:
                        raise GitError(arguments, -1, f"more than {limit} bytes since the base pack")  # noqa: TRY301
        except BaseException:
            tail.release()
            raise
        tail.finish()
        return tail


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _lines(oids: Iterable[bytes], before: bytes = b"") -> bytes:
    return b"".join(before + oid + b"\n" for oid in oids)


def _digest(oids: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(sorted(oids))).digest()
