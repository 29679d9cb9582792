"""A packfile (gitformat-pack(5)) of a few objects, as deltas of what the client has or is sent where that is shorter."""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import TYPE_CHECKING

from gitperch.transport import deltas
from gitperch.transport.history import BLOB, TREE, Undecided

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitperch.transport.history import Objects
    from gitperch.transport.missing_objects import Missing

_OFS_DELTA, _REF_DELTA = 6, 7
_CHAIN = 50  # deltas upon each other
_BASES = 2  # tried, where a merge has more
_GOOD = 50  # with a delta so many times shorter than the object no other base is tried
_SHORT = 64  # bytes; shorter content is sent as it is
_POOR = 4096  # bytes; where a delta helps little with more than this, git may find a better one


class Pack:
    """Objects in the order they are added: a base before what is told by it."""

    def __init__(self, objects: Objects, flags: frozenset[bytes]) -> None:
        """`flags` are those of a fetch request; `thin-pack` and `ofs-delta` count here."""
        self._objects = objects
        self._thin, self._offsets = b"thin-pack" in flags, b"ofs-delta" in flags
        self._body = bytearray(12)
        self._left = objects.bounds.packed
        self._at: dict[bytes, int] = {}
        self._chain: dict[bytes, int] = {}
        self.deltas = 0
        self.whole: dict[bytes, int] = {}  # files that are no deltas, and their sizes

    def __len__(self) -> int:
        return len(self._at)

    def add(self, missing: Mapping[bytes, Missing]) -> None:
        """Raises Undecided for what cannot be read, or what git would probably say in fewer bytes."""
        for oid, one in missing.items():
            data = self._objects.content(oid, one.kind)
            at = len(self._body)
            # A base by name that also came later would be one too many for index-pack, which then gives up.
            bases = [base for base in one.bases if base in self._at or (self._thin and base not in missing)]
            if len(data) <= _SHORT or not self._told(oid, one.kind, data, bases):
                self._body += _header(one.kind, len(data)) + self._deflated(data)
                if one.kind == BLOB:
                    self.whole[oid] = len(data)
            self._at[oid] = at

    def finished(self) -> bytes:
        self._body[:12] = b"PACK" + struct.pack(">II", 2, len(self._at))
        return bytes(self._body) + hashlib.sha1(self._body, usedforsecurity=False).digest()

    def _told(self, oid: bytes, kind: int, data: bytes, bases: Sequence[bytes]) -> bool:
        """Add the object as a delta of one of the bases if that is worth it."""
        best = self._best(kind, data, bases)
        if not best:
            return False
        delta, base = best
        if len(delta) > len(data) // 2:
            if kind == BLOB and len(data) > _POOR:
                raise Undecided
            if len(delta) >= len(data):
                return False
        deflated = self._deflated(delta)
        if len(delta) > len(data) // 2 and len(deflated) > len(self._deflated(data)):
            return False
        inside = self._at.get(base)
        if inside is not None and self._offsets:
            self._body += _header(_OFS_DELTA, len(delta)) + _offset(len(self._body) - inside) + deflated
        else:
            self._body += _header(_REF_DELTA, len(delta)) + base + deflated
        self._chain[oid] = self._chain.get(base, 0) + 1
        self.deltas += 1
        return True

    def _best(self, kind: int, data: bytes, bases: Sequence[bytes]) -> tuple[bytes, bytes] | None:
        """The shortest delta, and its base."""
        found = []
        for base in bases[:_BASES]:
            if self._chain.get(base, 0) < _CHAIN:
                found.append((deltas.encode(self._objects.content(base, kind), data, tree=kind == TREE), base))
                if len(found[-1][0]) * _GOOD < len(data):
                    break
        return min(found, key=lambda one: len(one[0]), default=None)

    def _deflated(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise Undecided
        # Most of the time for a few bytes would be spent on clearing a window of 32 KB.
        if len(data) <= 512:
            short = zlib.compressobj(6, zlib.DEFLATED, 9, 1)
            return short.compress(data) + short.flush()
        return zlib.compress(data)


def _header(kind: int, size: int) -> bytes:
    first, size = kind << 4 | size & 0x0F, size >> 4
    return bytes((first | 0x80,)) + deltas.varint(size) if size else bytes((first,))


def _offset(back: int) -> bytes:
    out = [back & 0x7F]
    while back := back >> 7:
        back -= 1
        out.append(back & 0x7F | 0x80)
    return bytes(reversed(out))
