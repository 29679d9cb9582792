"""A file of named arrays: written aside and renamed into place, mapped when it is opened, and checked before it is used.

magic, version, byte order, checksum, length of the JSON, number of blocks
JSON: whatever describes the arrays, and where each begins and ends
a checksum of each block of the arrays
the arrays, in this machine's byte order, each at a multiple of eight bytes

The first checksum is of the JSON and the others, so it stands for everything. Whoever is in a hurry has each block checked when it is
looked at for the first time, so that a large file need not be read as a whole before its first use.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import weakref
import zlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from gitperch.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADER = struct.Struct("=8sIIIII")
_ORDER_MARK = 0x01020304  # reads differently on a machine of the other byte order
_ALIGNED = 8
_SHIFT = 16
BLOCK = 1 << _SHIFT


class IndexUnusable(Exception):
    """The file is not an index that this program can use; build it again."""


class IndexDamaged(Busy, IndexUnusable):
    """A part of the file is not as it was written, which shows when that is looked at for the first time."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The index of this graph ({name}) is damaged and is built anew. Try again in a moment.")


class Blocks:
    """Which parts of a file's arrays are known to be as they were written: `known` has a byte for each block."""

    def __init__(self, descriptor: int, name: str, begin: int, length: int, sums: array[int]) -> None:
        """The arrays are `length` bytes from `begin` on; the descriptor is closed with this."""
        self.is_damaged = False
        self._descriptor = descriptor
        self._name = name
        self._begin = begin
        self._length = length
        self._sums = sums
        self.known = bytearray(len(sums))
        weakref.finalize(self, os.close, descriptor)

    def require(self, start: int, end: int) -> None:
        """See to it that the bytes from `start` up to `end` are right. Raises IndexDamaged."""
        for number in range(start >> _SHIFT, (end + BLOCK - 1) >> _SHIFT):
            if not self.known[number]:
                self._check(number)

    def _check(self, number: int) -> None:
        start = number << _SHIFT
        # Read, not through the map: others may run while the disk is slow, and the page need not stay with this process.
        data = os.pread(self._descriptor, min(BLOCK, self._length - start), self._begin + start)
        if zlib.crc32(data) != self._sums[number]:
            self.is_damaged = True
            raise IndexDamaged(self._name)
        self.known[number] = 1

    def require_all(self) -> None:
        """Raises IndexDamaged."""
        self.require(0, self._length)


class Checked:
    """An array in a mapped file, each block of which is checked when it is looked at for the first time."""

    def __init__(self, values: memoryview, blocks: Blocks, start: int) -> None:
        self.values = values
        """As they lie, unchecked."""
        self._require, self._known = blocks.require, blocks.known
        self._start = start
        self._size = values.itemsize

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> memoryview: ...
    def __getitem__(self, at: int | slice) -> int | memoryview:
        if isinstance(at, slice):
            low, high, _ = at.indices(len(self.values))
            self._require(self._start + low * self._size, self._start + high * self._size)
        elif not self._known[(self._start + at * self._size) >> _SHIFT]:  # a thousand times for each window
            start = self._start + at * self._size
            self._require(start, start + 1)
        return self.values[at]


Column: TypeAlias = "memoryview | Checked"


@dataclass(frozen=True)
class Sections:
    """What a file holds: `meta` describes it, `parts` are its arrays as bytes. `checksum` is of both. `starts` has where each begins."""

    meta: dict[str, Any]
    parts: Mapping[str, memoryview]
    checksum: int
    mapped: mmap.mmap | None = None
    blocks: Blocks | None = None
    starts: Mapping[str, int] | None = None

    def array(self, name: str, typecode: Any) -> memoryview:
        """A part as an array, all of it checked. Raises IndexUnusable where there is none."""
        if name not in self.parts:
            raise IndexUnusable(f"the index has no {name}")
        if self.blocks and self.starts:
            self.blocks.require(self.starts[name], self.starts[name] + len(self.parts[name]))
        return self._cast(name, typecode)

    def column(self, name: str, typecode: Any) -> Column:
        """A part as an array that is checked as it is used, unless all of the file has been. Raises IndexUnusable where there is none."""
        if not self.blocks or not self.starts or name not in self.parts:
            return self.array(name, typecode)
        return Checked(self._cast(name, typecode), self.blocks, self.starts[name])

    def _cast(self, name: str, typecode: Any) -> memoryview:
        return self.parts[name].cast(typecode) if self.parts[name] else memoryview(b"").cast("B").cast(typecode)


def as_bytes(values: Any) -> memoryview:
    """An array of any kind (array, bytes, view, numpy's) as the bytes that it is made of."""
    view = memoryview(values)
    # An empty view cannot be cast.
    return view.cast("B") if view.nbytes else memoryview(b"")


def write(path: Path, magic: bytes, version: int, meta: Mapping[str, Any], parts: Mapping[str, Any]) -> int:
    """Put the file in place at `path`, whole or not at all; its checksum."""
    laid: dict[str, tuple[int, int]] = {}
    views = {name: as_bytes(values) for name, values in parts.items()}
    end = 0
    for name, view in views.items():
        laid[name] = (end, len(view))
        end += _padded(len(view))
    described = json.dumps({"meta": meta, "parts": laid, "length": end}, separators=(",", ":")).encode()
    described += b" " * (-(len(described) + _HEADER.size) % _ALIGNED)
    sums = _Sums()
    for view in views.values():
        sums.add(view)
        sums.add(memoryview(bytes(_padded(len(view)) - len(view))))
    checks = sums.done().tobytes()
    checksum = zlib.crc32(checks, zlib.crc32(described))
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with aside.open("wb") as file:
            file.write(_HEADER.pack(magic, version, _ORDER_MARK, checksum, len(described), len(checks) // 4))
            file.write(described + checks + bytes(_padded(len(checks)) - len(checks)))
            for view in views.values():
                file.write(view)
                file.write(bytes(_padded(len(view)) - len(view)))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return checksum


class _Sums:
    """The checksums of the blocks of what is added."""

    def __init__(self) -> None:
        self._found = array("I")
        self._sum, self._size = 0, 0

    def add(self, data: memoryview) -> None:
        while len(data):
            piece = data[: BLOCK - self._size]
            self._sum, self._size = zlib.crc32(piece, self._sum), self._size + len(piece)
            if self._size == BLOCK:
                self._end()
            data = data[len(piece) :]

    def _end(self) -> None:
        self._found.append(self._sum)
        self._sum, self._size = 0, 0

    def done(self) -> array[int]:
        if self._size:
            self._end()
        return self._found


def opened(path: Path, magic: bytes, version: int, *, hurried: bool = False) -> Sections:
    """Map the file and check all of it; the `hurried` have what they look at checked then. Raises IndexUnusable, also for one that is
    not there."""
    try:
        with path.open("rb", buffering=0) as file:
            described, sums, begin, checksum = _head(file.read(BLOCK), file.fileno(), magic, version)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            blocks = Blocks(os.dup(file.fileno()), path.name, begin, described["length"], sums)
        data = memoryview(mapped)
        starts = {name: at for name, (at, _) in described["parts"].items()}
        parts = {name: data[begin + at : begin + at + length] for name, (at, length) in described["parts"].items()}
        if not hurried:
            blocks.require_all()
        return Sections(described["meta"], parts, checksum, mapped, blocks if hurried else None, starts)
    except IndexUnusable:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, struct.error):
        raise IndexUnusable(f"{path.name} cannot be read or is damaged") from None


def _head(data: bytes, descriptor: int, magic: bytes, version: int) -> tuple[dict[str, Any], array[int], int, int]:
    """(what the JSON says, the checksums of the blocks, where the arrays begin, the checksum of all); `data` is how the file begins."""
    found, its_version, order_mark, checksum, length, count = _HEADER.unpack_from(data)
    if found != magic or its_version != version or order_mark != _ORDER_MARK:
        raise IndexUnusable("the index is of another version or machine")
    end = _HEADER.size + length + 4 * count
    if end > len(data):
        data = os.pread(descriptor, end, 0)
    described, checks = data[_HEADER.size : _HEADER.size + length], data[_HEADER.size + length : end]
    if zlib.crc32(checks, zlib.crc32(described)) != checksum or len(checks) != 4 * count:
        raise IndexUnusable("the index is damaged")
    sums = array("I", checks)
    told = json.loads(described)
    if not 0 <= told["length"] <= count << _SHIFT < told["length"] + BLOCK:
        raise IndexUnusable("the index is damaged")
    begin = _HEADER.size + length + _padded(4 * count)
    if os.fstat(descriptor).st_size != begin + told["length"]:
        raise IndexUnusable("the index is truncated")
    return told, sums, begin, checksum


def _padded(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED
