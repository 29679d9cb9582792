"""Commits read out of packs many at once, without a map of them: gitformat-pack(5), index version 2, SHA-1.

libgit2 finds each object by a dozen looks at a mapped index, and each look may be another page: half a window's time goes into page faults,
and 36 MB of index stay with this process. Here a window is one stretch of the pack, read from end to end, in which each commit is known by
its own digest. What lies elsewhere is looked up: ids are spread so evenly that one read where it has to be finds it nearly always.
Whatever is not as usual (loose, a delta to an object of another pack, a large offset, damage) is left to libgit2.
"""

from __future__ import annotations

import hashlib
import os
import struct
import weakref
import zlib
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

LARGE = 16 << 20
"""Bytes of indexes. What has less libgit2 keeps open for a while, and is as fast."""

MOST = 8
"""Packs; libgit2 has an index of many (multi-pack-index)."""

# preadv(2): answer from memory or not at all; not every system can.
_NOWAIT: int | None = getattr(os, "RWF_NOWAIT", None)
_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT = struct.Struct(">256I")
_TABLES = len(_MAGIC) + _FANOUT.size
_SIZE = 20  # of an oid
# Ids on both sides of the place where one has to be: three times the usual error in a pack of a million objects.
_AROUND = 96
_FAR = 1 << 31  # an offset that is in a table of its own
_COMMIT, _DELTA = 1, 6
_USUAL = 640  # bytes, packed; nearly no commit has more
_PACKED = 200  # bytes; about what a commit has
_PIECE = 1 << 15
_PROBES = 8  # where a window is in a pack
_STRANGE = 32  # commits in a row that nobody asked for: what else was is elsewhere
_LARGEST = 1 << 16
_DEPTH = 50


class Pack:
    """One pack, open. Raises OSError and ValueError for what is none."""

    def __init__(self, index: Path) -> None:
        self._index = _opened(self, index)
        self._pack = _opened(self, index.with_suffix(".pack"))
        head = os.pread(self._index, _TABLES, 0)
        if len(head) < _TABLES or not head.startswith(_MAGIC):
            raise ValueError(f"{index.name} is no index of version 2")
        self._fanout = (0, *_FANOUT.unpack_from(head, len(_MAGIC)))
        count = self._fanout[-1]
        self._offsets = _TABLES + count * (_SIZE + 4)

    def ahead(self, oids: Sequence[bytes]) -> None:
        """Have the system fetch at once, from a disk that is slow to find its place, what it takes to find these."""
        if not oids or _is_cached(self._index, _TABLES + self._place(oids[0])[0] * _SIZE):
            return
        for low, high in map(self._place, oids):
            _fetch(self._index, _TABLES + low * _SIZE, (high - low) * _SIZE)
            _fetch(self._index, self._offsets + low * 4, (high - low) * 4)

    def _place(self, oid: bytes) -> tuple[int, int]:
        """Between which numbers an oid is, if it is here: nearly always."""
        low, high = self._fanout[oid[0]], self._fanout[oid[0] + 1]
        guess = low + ((oid[1] << 16 | oid[2] << 8 | oid[3]) * (high - low) >> 24)
        return max(low, guess - _AROUND), min(high, guess + _AROUND)

    def find(self, oid: bytes) -> int | None:
        """Where an object begins; None for one that is not here, and for a few that are."""
        low, high = self._place(oid)
        ids = os.pread(self._index, (high - low) * _SIZE, _TABLES + low * _SIZE)
        at = ids.find(oid)
        while at % _SIZE and at > 0:
            at = ids.find(oid, at + 1)
        if at < 0:
            return None
        offset = int.from_bytes(os.pread(self._index, 4, self._offsets + (low + at // _SIZE) * 4), "big")
        return None if offset >= _FAR else offset

    def commits(self, oids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those that are found. Whose rows are neighbours are neighbours in a pack, too: few are looked up, they are read one by one."""
        begin = self._begin(oids)
        if begin is None:
            return {}
        wanted, strange = set(oids), 0
        found: dict[bytes, bytes] = {}
        for oid, commit in islice(self._from(begin, len(oids)), 2 * len(oids) + _STRANGE):
            if oid in wanted:
                found[oid], strange = commit, 0
                if len(found) == len(wanted):
                    return found
            elif (strange := strange + 1) > _STRANGE:
                break
        others = [oid for oid in oids if oid not in found]
        self.ahead(others)
        places = sorted((offset, oid) for oid in others if (offset := self.find(oid)))
        for offset, _ in places:
            _fetch(self._pack, offset, _USUAL)
        for offset, oid in places:
            content, _ = self._commit(offset, self._read(offset, _USUAL), {})
            if content and _oid(content) == oid:
                found[oid] = content
        return found

    def _begin(self, oids: Sequence[bytes]) -> int | None:
        """Where most of these begin, as far as some of them tell; None where these are not here. What a tag names lies apart."""
        probes = [*oids[:: len(oids) // _PROBES + 1], *oids[-2:]]
        self.ahead(probes)
        found = sorted(filter(None, map(self.find, probes)))
        if not found:
            return None
        middle = found[len(found) // 2]
        return next(offset for offset in found if middle - offset <= len(oids) * _USUAL)

    def _from(self, offset: int, about: int) -> Iterator[tuple[bytes, bytes]]:
        """(oid, content) of the commits that lie one after the other from an offset on, until something else does."""
        begin, data = offset, memoryview(b"")
        known: dict[int, bytes] = {}
        _fetch(self._pack, offset, about * _PACKED)
        while True:
            if offset + _USUAL > begin + len(data):
                begin, data = offset, self._read(offset, _PIECE)
            commit, size = self._commit(offset, data[offset - begin :], known)
            if commit is None:
                return
            known[offset] = commit
            yield _oid(commit), commit
            offset += size

    def _read(self, offset: int, length: int) -> memoryview:
        return memoryview(os.pread(self._pack, length, offset))

    def _commit(
        self, offset: int, data: memoryview, known: Mapping[int, bytes], depth: int = 0
    ) -> tuple[bytes | None, int]:
        """The commit that begins at an offset, where `data` has been read, and its size there; None for anything else.

        `known` are others by their offsets.
        """
        kind, size, at = _head(data)
        if size > _LARGEST or depth > _DEPTH:
            return None, 0
        base: bytes | None = None
        if kind == _DELTA:
            back, at = _distance(data, at)
            there = offset - back
            base = known.get(there)
            if base is None:
                base, _ = self._commit(there, self._read(there, _USUAL), known, depth + 1)
        if kind != _COMMIT and base is None:
            return None, 0
        unpack = zlib.decompressobj()
        some = data[at : at + _USUAL]
        content = unpack.decompress(some, size + 1)
        end = at + len(some)
        if not unpack.eof:
            rest = self._read(offset + end, 2 * _LARGEST)
            content += unpack.decompress(rest, size + 1)
            end += len(rest)
        if len(content) != size or not unpack.eof:
            return None, 0
        return content if base is None else _patched(base, content), end - len(unpack.unused_data)


def are_large(path: Path) -> bool:
    """Whether the packs of the bare repository at `path` have so many objects that this is the better way."""
    return sum(file.stat().st_size for file in (path / "objects" / "pack").glob("*.idx")) > LARGE


class Packs:
    """The packs of a bare repository as they were when this was made, open as long as somebody has it."""

    def __init__(self, path: Path) -> None:
        self._folder = path / "objects" / "pack"
        self._made_at = self._changed_at()
        indexes = sorted(self._folder.glob("pack-*.idx"), key=lambda file: -file.stat().st_size)
        self._packs = [Pack(index) for index in indexes] if len(indexes) <= MOST else []

    @classmethod
    def at(cls, path: Path) -> Packs | None:
        """None where they are not as usual."""
        try:
            found = cls(path)
        except (OSError, ValueError):
            return None
        return found if found._packs else None

    @property
    def is_current(self) -> bool:
        """Whether no pack has come or gone."""
        return self._made_at == self._changed_at()

    def _changed_at(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return 0

    def commits(self, oids: Collection[str]) -> dict[str, bytes]:
        """Those that are found, raw."""
        found: dict[str, bytes] = {}
        for pack in self._packs:
            missing = [bytes.fromhex(oid) for oid in oids if oid not in found]
            try:
                found |= {oid.hex(): commit for oid, commit in pack.commits(missing).items()}
            except (OSError, IndexError, zlib.error):
                continue  # libgit2 is going to say what is wrong
        return found


def _opened(owner: object, file: Path) -> int:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


def _fetch(descriptor: int, offset: int, length: int) -> None:
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_WILLNEED)


def _is_cached(descriptor: int, offset: int) -> bool:
    """Whether the system has this without asking the disk; also where it cannot tell."""
    if _NOWAIT is not None:
        try:
            os.preadv(descriptor, [bytearray(1)], offset, _NOWAIT)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def _oid(commit: bytes) -> bytes:
    return hashlib.sha1(b"commit %d\0" % len(commit) + commit, usedforsecurity=False).digest()


def _head(data: memoryview) -> tuple[int, int, int]:
    """(kind, size when unpacked, where the content begins) of an entry."""
    byte = data[0]
    kind, size, shift, at = byte >> 4 & 7, byte & 15, 4, 1
    while byte & 128:
        byte = data[at]
        size |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
    return kind, size, at


def _distance(data: memoryview, at: int) -> tuple[int, int]:
    """(how far back a delta's base begins, where what follows begins)."""
    byte = data[at]
    back, at = byte & 127, at + 1
    while byte & 128:
        byte = data[at]
        back, at = (back + 1) << 7 | byte & 127, at + 1
    return back, at


def _patched(base: bytes, delta: bytes) -> bytes | None:
    """What a delta makes of its base; None where that does not fit."""
    sizes, at = [0, 0], 0
    for nth in (0, 1):
        shift = 0
        while True:
            byte = delta[at]
            at += 1
            sizes[nth] |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                break
    found = bytearray()
    while at < len(delta):
        order = delta[at]
        at += 1
        if order & 128:
            numbers = [0, 0]
            for bit in range(7):
                if order >> bit & 1:
                    numbers[bit >= 4] |= delta[at] << 8 * (bit % 4)
                    at += 1
            start, length = numbers[0], numbers[1] or 0x10000
            found += base[start : start + length]
        else:
            found += delta[at : at + order]
            at += order
    return bytes(found) if sizes == [len(base), len(found)] else None
