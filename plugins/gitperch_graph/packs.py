"""Commits read out of packs many at once, without a map of them: gitformat-pack(5), index version 2, SHA-1.

libgit2 finds each object by a dozen looks at a mapped index, and each look may be another page: half a window's time goes into page faults,
and 36 MB of index stay with this process. Here ids are spread so evenly that one read where an id has to be finds it nearly always.
Whatever is not as usual (loose, a delta to an object of another pack, a large offset, damage) is left to libgit2.
"""

from __future__ import annotations

import os
import struct
import weakref
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

LARGE = 16 << 20
"""Bytes of indexes. What has less libgit2 keeps open for a while, and is as fast."""

MOST = 8
"""Packs; libgit2 has an index of many (multi-pack-index)."""

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT = struct.Struct(">256I")
_TABLES = len(_MAGIC) + _FANOUT.size
_SIZE = 20  # of an oid
# Ids on both sides of the place where one has to be: three times the usual error in a pack of a million objects.
_AROUND = 96
_FAR = 1 << 31  # an offset that is in a table of its own
_COMMIT, _DELTA = 1, 6
_USUAL = 640  # bytes, packed; nearly no commit has more
_PIECE = 1 << 13
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
        for offset in sorted(filter(None, (self.find(oid) for oid in oids))):
            _fetch(self._pack, offset, _USUAL)

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

    def commits(self, oids: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Those that are found. Whose rows are neighbours are neighbours in a pack, too, so that one read may do for many."""
        begin, data = 0, memoryview(b"")
        for offset, oid in sorted((offset, oid) for oid in oids if (offset := self.find(oid)) is not None):
            if offset + _USUAL > begin + len(data):
                begin, data = offset, memoryview(os.pread(self._pack, _PIECE, offset))
            commit = self._commit(offset, data[offset - begin :])
            if commit is not None:
                yield oid, commit

    def _commit(self, offset: int, data: memoryview, depth: int = 0) -> bytes | None:
        """The commit that begins at an offset, where `data` has been read; None for anything else."""
        kind, size, at = _head(data)
        if size > _LARGEST or depth > _DEPTH:
            return None
        base: bytes | None = None
        if kind == _DELTA:
            back, at = _distance(data, at)
            base = self._commit(offset - back, memoryview(os.pread(self._pack, _USUAL, offset - back)), depth + 1)
        if kind != _COMMIT and base is None:
            return None
        try:
            content = zlib.decompress(data[at:], bufsize=size or 1)
        except zlib.error:  # most likely there is more of it
            content = zlib.decompress(os.pread(self._pack, 2 * _LARGEST, offset + at), bufsize=size or 1)
        if len(content) != size:
            return None
        return content if base is None else _patched(base, content)


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
                pack.ahead(missing)
                found |= {oid.hex(): commit for oid, commit in pack.commits(missing)}
            except (OSError, IndexError, zlib.error):
                continue  # libgit2 is going to say what is wrong
        return found


def _opened(owner: object, file: Path) -> int:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    weakref.finalize(owner, os.close, descriptor)
    return descriptor


def _fetch(descriptor: int, offset: int, length: int) -> None:
    os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_WILLNEED)


def _is_cached(descriptor: int, offset: int) -> bool:
    """Whether the system has this without asking the disk; also where it cannot tell."""
    try:
        os.preadv(descriptor, [bytearray(1)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


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
