"""The row index: one file per repository with every row, lane and edge, mapped, so that a window costs what it shows.

The file is a header, a checksum over all that follows, the lengths of the sections, the refs it was built from, and the
sections themselves as arrays in this machine's byte order. It is complete in itself: neither git's own upkeep of its files nor a
moved ref can make it half true. It is written aside and renamed into place; one that is damaged, truncated, of another version
or another machine raises IndexUnusable and is built again.

Commits are called by their height: 0 is the oldest. Rows, which people see, count from the top: row = total - 1 - height.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import struct
import zlib
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAGIC = b"GPROWS\r\n"
VERSION = 1
STRIDE = 1024
"""A mark every so many rows lists the edges that are alive there."""

_ORDER_MARK = 0x01020304  # reads differently on a machine of the other byte order
_HEADER = struct.Struct("=8sIII")
_SECTIONS = {
    "oids": "B",
    "by_oid": "I",
    "dates": "q",
    "first": "I",
    "edge_to": "I",
    "edge_lane": "I",
    "node_lane": "I",
    "lane_top": "I",
    "lane_owner": "I",
    "mark_first": "I",
    "mark_lane": "I",
    "mark_to": "I",
}
_LENGTHS = struct.Struct(f"={len(_SECTIONS) + 1}Q")


class IndexUnusable(Exception):
    """The file is not an index that this program can use; build it again."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag. `target` is the oid that it holds, `height` the commit's that it peels to, -1 where that is none."""

    name: str
    target: str
    height: int


@dataclass(frozen=True)
class Columns:
    """What an index holds. `first`, `edge_to` and `edge_lane` list the edges of height h at `first[h]` to `first[h + 1]`.

    `by_oid` lists the heights by oid, `mark_*` likewise the edges alive at each `STRIDE` heights. `head` is the full name of
    the default branch ("HEAD" when detached, "" for none); `special`: parents are not those of the objects (shallow, grafts,
    replacements). `built` is the number of lanes that the last full build used.
    """

    hash_size: int
    head: str
    special: bool
    built: int
    refs: tuple[Ref, ...]
    oids: Sequence[int]
    by_oid: Sequence[int]
    dates: Sequence[int]
    first: Sequence[int]
    edge_to: Sequence[int]
    edge_lane: Sequence[int]
    node_lane: Sequence[int]
    lane_top: Sequence[int]
    lane_owner: Sequence[int]
    mark_first: Sequence[int]
    mark_lane: Sequence[int]
    mark_to: Sequence[int]


class RowIndex:
    """An index in use. `generation` changes whenever any answer from it could."""

    def __init__(self, columns: Columns, generation: str) -> None:
        self.columns = columns
        self.generation = generation
        self.total = len(columns.node_lane)
        self.lanes = len(columns.lane_top)
        self.refs_at: dict[int, list[str]] = {}
        for ref in columns.refs:
            if ref.height >= 0:
                self.refs_at.setdefault(ref.height, []).append(ref.name)
        self._oids = as_bytes(columns.oids)

    @classmethod
    def open(cls, path: Path) -> RowIndex:
        """Map the index at `path` and check it. Raises IndexUnusable, also for one that is not there."""
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            raise IndexUnusable(f"{path.name} cannot be read") from None
        parsed = _parsed(memoryview(mapped))
        # The check has read every page; only those that windows need have to stay with this process.
        mapped.madvise(mmap.MADV_DONTNEED)
        return cls(*parsed)

    @classmethod
    def of(cls, columns: Columns) -> RowIndex:
        """An index in memory, the same as one that was written and opened."""
        parts, checksum = _encoded(columns)
        return cls(columns, _generation(parts[1], checksum))

    @property
    def targets(self) -> dict[str, str]:
        """The oid that each ref holds."""
        return {ref.name: ref.target for ref in self.columns.refs}

    def oid(self, height: int) -> str:
        """In hex."""
        size = self.columns.hash_size
        return self._oids[height * size : (height + 1) * size].hex()

    def find(self, prefix: str) -> list[int]:
        """The heights of the commits whose oid begins with `prefix` (lower-case hex): none, one, or the first two."""
        columns = self.columns
        low, high = 0, self.total
        while low < high:
            middle = (low + high) // 2
            if self.oid(columns.by_oid[middle]) < prefix:
                low = middle + 1
            else:
                high = middle
        found = columns.by_oid[low : low + 2]
        return [height for height in found if self.oid(height).startswith(prefix)]

    def edges(self, height: int) -> Iterator[tuple[int, int]]:
        """(height of the parent or ABSENT, lane) for each parent, in git's order."""
        columns = self.columns
        for i in range(columns.first[height], columns.first[height + 1]):
            yield columns.edge_to[i], columns.edge_lane[i]

    def has_child(self, height: int) -> bool:
        return height in self.columns.edge_to

    def passing(self, height: int) -> set[tuple[int, int]]:
        """(lane, height of the parent) of the edges that come down to `height` or pass it from above it."""
        columns = self.columns
        mark = height // STRIDE + 1
        alive: set[tuple[int, int]] = set()
        top = self.total
        if mark < len(columns.mark_first) - 1:
            top = mark * STRIDE
            start, end = columns.mark_first[mark], columns.mark_first[mark + 1]
            alive.update(zip(columns.mark_lane[start:end], columns.mark_to[start:end], strict=True))
        start, end = columns.first[height + 1], columns.first[top]
        alive.update(zip(columns.edge_lane[start:end], columns.edge_to[start:end], strict=True))
        return {(lane, to) for lane, to in alive if to <= height}


def marks(first: Sequence[int], edge_to: Sequence[int], edge_lane: Sequence[int]) -> tuple[array[int], ...]:
    """`mark_first`, `mark_lane`, `mark_to` for a history: mark m lists the edges from height m × STRIDE or above to below it."""
    total = len(first) - 1
    found: list[list[tuple[int, int]]] = []
    alive: set[tuple[int, int]] = set()
    for mark in range(total // STRIDE, -1, -1):
        low, high = mark * STRIDE, min(total, (mark + 1) * STRIDE)
        start, end = first[low], first[high]
        alive.update(zip(edge_lane[start:end], edge_to[start:end], strict=True))
        alive = {(lane, to) for lane, to in alive if to < low}
        found.append(sorted(alive))
    return packed_marks(found[::-1])


def packed_marks(found: Sequence[Sequence[tuple[int, int]]]) -> tuple[array[int], ...]:
    mark_first, mark_lane, mark_to = array("I", [0]), array("I"), array("I")
    for alive in found:
        mark_lane.extend(lane for lane, _ in alive)
        mark_to.extend(to for _, to in alive)
        mark_first.append(len(mark_lane))
    return mark_first, mark_lane, mark_to


def write(path: Path, columns: Columns) -> None:
    """Put the index in place at `path`, whole or not at all."""
    parts, checksum = _encoded(columns)
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with aside.open("wb") as file:
        file.write(_HEADER.pack(MAGIC, VERSION, _ORDER_MARK, checksum))
        file.writelines(parts)
    aside.replace(path)


def _encoded(columns: Columns) -> tuple[list[bytes | memoryview], int]:
    """(lengths, refs and sections; their checksum)."""
    described = {
        "hash_size": columns.hash_size,
        "head": columns.head,
        "special": columns.special,
        "built": columns.built,
    }
    refs = [[ref.name, ref.target, ref.height] for ref in columns.refs]
    meta = json.dumps(described | {"refs": refs}, separators=(",", ":")).encode()
    sections = [as_bytes(getattr(columns, name)) for name in _SECTIONS]
    parts: list[bytes | memoryview] = [_LENGTHS.pack(len(meta), *map(len, sections)), meta, *sections]
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return parts, checksum


def _generation(meta: bytes | memoryview, checksum: int) -> str:
    # The refs' oids stand for the commits, the checksum for how they are laid out.
    return hashlib.blake2b(meta, digest_size=8, salt=struct.pack("=I", checksum)).hexdigest()


def _cast(section: memoryview, typecode: Any) -> Sequence[int]:
    return section.cast(typecode) if section else array(typecode)


def as_bytes(section: Sequence[int]) -> memoryview:
    """A section as the bytes that it is made of."""
    # An empty view cannot be cast.
    view: Any = section  # bytes, arrays, or sections of a map
    return memoryview(view).cast("B") if section else memoryview(b"")


def _parsed(data: memoryview) -> tuple[Columns, str]:
    try:
        magic, version, order_mark, checksum = _HEADER.unpack_from(data)
        lengths = _LENGTHS.unpack_from(data, _HEADER.size)
    except struct.error:
        raise IndexUnusable("the index is truncated") from None
    if magic != MAGIC or version != VERSION or order_mark != _ORDER_MARK:
        raise IndexUnusable("the index is of another version or machine")
    begin = _HEADER.size + _LENGTHS.size
    if begin + sum(lengths) != len(data) or zlib.crc32(data[_HEADER.size :]) != checksum:
        raise IndexUnusable("the index is damaged")
    bounds = [begin]
    for length in lengths:
        bounds.append(bounds[-1] + length)
    pieces = [data[start:end] for start, end in pairwise(bounds)]
    meta: dict[str, Any] = json.loads(pieces[0].tobytes())
    sections: dict[str, Any] = {
        name: _cast(piece, typecode) if piece else array(typecode)
        for (name, typecode), piece in zip(_SECTIONS.items(), pieces[1:], strict=True)
    }
    refs = tuple(Ref(*ref) for ref in meta.pop("refs"))
    return Columns(refs=refs, **meta, **sections), _generation(pieces[0], checksum)
