"""Which objects a packfile holds, from the `.idx` beside it, mapped (gitformat-pack(5), version 2)."""

from __future__ import annotations

import bisect
import mmap
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_FANOUT = struct.Struct(">256I")
_OIDS = len(_MAGIC) + _FANOUT.size


class PackIndex:
    """`oid in index` for raw oids of 20 or 32 bytes, by the repository's hash function; `len(index)` objects."""

    def __init__(self, idx_path: Path) -> None:
        """Raises OSError where there is no such file, ValueError for one that is no index of version 2."""
        with idx_path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self._data[: len(_MAGIC)] != _MAGIC or len(self._data) < _OIDS:
            raise ValueError(f"{idx_path.name} is not an index of version 2")
        self._fanout: tuple[int, ...] = _FANOUT.unpack_from(self._data, len(_MAGIC))

    def __len__(self) -> int:
        return self._fanout[255]

    def __contains__(self, oid: bytes) -> bool:
        first = oid[0]
        end = self._fanout[first]
        start = self._fanout[first - 1] if first else 0
        at = bisect.bisect_left(range(end), oid, start, end, key=lambda number: self._oid(number, len(oid)))
        return at < end and self._oid(at, len(oid)) == oid

    def _oid(self, number: int, size: int) -> bytes:
        at = _OIDS + number * size
        return self._data[at : at + size]


def count(idx_path: Path) -> int:
    """How many objects an index of either version lists, from its first kilobyte; 0 for one that is damaged."""
    with idx_path.open("rb") as file:
        head = file.read(_OIDS)
    at = len(_MAGIC) + 255 * 4 if head.startswith(_MAGIC) else 255 * 4
    return int.from_bytes(head[at : at + 4], "big") if len(head) >= at + 4 else 0
