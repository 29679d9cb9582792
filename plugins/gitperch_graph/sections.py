"""A file of named arrays: written aside and renamed into place, mapped when it is opened, and checked as a whole before it is used.

magic, version, byte order, checksum, length of what comes next
JSON: whatever describes the arrays, and where each begins and ends
the arrays, in this machine's byte order, each at a multiple of eight bytes
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_HEADER = struct.Struct("=8sIIII")
_ORDER_MARK = 0x01020304  # reads differently on a machine of the other byte order
_ALIGNED = 8
_CHUNK = 1 << 20


class IndexUnusable(Exception):
    """The file is not an index that this program can use; build it again."""


@dataclass(frozen=True)
class Sections:
    """What a file holds: `meta` describes it, `parts` are its arrays as bytes. `checksum` is of both."""

    meta: dict[str, Any]
    parts: Mapping[str, memoryview]
    checksum: int
    mapped: mmap.mmap | None = None

    def array(self, name: str, typecode: Any) -> memoryview:
        """A part as an array. Raises IndexUnusable where there is none."""
        if name not in self.parts:
            raise IndexUnusable(f"the index has no {name}")
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
    described = json.dumps({"meta": meta, "parts": laid}, separators=(",", ":")).encode()
    described += b" " * (-(len(described) + _HEADER.size) % _ALIGNED)
    checksum = zlib.crc32(described)
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with aside.open("wb") as file:
            file.write(bytes(_HEADER.size))
            file.write(described)
            for view in views.values():
                filling = bytes(_padded(len(view)) - len(view))
                for piece in (view, filling):
                    file.write(piece)
                    checksum = zlib.crc32(piece, checksum)
            file.seek(0)
            file.write(_HEADER.pack(magic, version, _ORDER_MARK, checksum, len(described)))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return checksum


def opened(path: Path, magic: bytes, version: int) -> Sections:
    """Map the file and check all of it. Raises IndexUnusable, also for one that is not there."""
    try:
        with path.open("rb", buffering=0) as file:
            header = file.read(_HEADER.size)
            checksum = _checked(header, magic, version)
            found = 0
            # Read, not through the map: those pages would stay with this process.
            while chunk := file.read(_CHUNK):
                found = zlib.crc32(chunk, found)
            if found != checksum:
                raise IndexUnusable(f"{path.name} is damaged")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        raise IndexUnusable(f"{path.name} cannot be read") from None
    data = memoryview(mapped)
    begin = _HEADER.size + _HEADER.unpack_from(data)[4]
    try:
        described = json.loads(bytes(data[_HEADER.size : begin]))
        parts = {name: data[begin + at : begin + at + length] for name, (at, length) in described["parts"].items()}
    except (ValueError, KeyError, TypeError):
        raise IndexUnusable(f"{path.name} is damaged") from None
    return Sections(described["meta"], parts, checksum, mapped)


def _checked(header: bytes, magic: bytes, version: int) -> int:
    try:
        found, its_version, order_mark, checksum, _ = _HEADER.unpack(header)
    except struct.error:
        raise IndexUnusable("the index is truncated") from None
    if found != magic or its_version != version or order_mark != _ORDER_MARK:
        raise IndexUnusable("the index is of another version or machine")
    return int(checksum)


def _padded(length: int) -> int:
    return -(-length // _ALIGNED) * _ALIGNED
