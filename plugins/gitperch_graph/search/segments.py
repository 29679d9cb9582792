"""A segment: what up to `ROWS` commits that follow each other in the row index say (TEXTS), or change (PATHS), in a file or in memory.

A file is a header, a checksum over all that follows it, the digest of the commits' oids, and the sections. It says which commits
it is about, so that nothing has to remember whether it fits: it does, if the oids in the row index give its digest.
What is read of it is read when it is needed (pread, which lets others run meanwhile), so that an open segment costs a file descriptor.
"""

from __future__ import annotations

import hashlib
import os
import struct
import weakref
import zlib
from array import array
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROWS = 1 << 15
"""Commits of a full segment; segment k begins at height k × ROWS."""

STRIDE = 1024
"""A mark every so many rows says where their subjects begin."""

VERSION = 2
DIGEST_SIZE = 16
_ORDER_MARK = 0x01020304  # reads differently on a machine of the other byte order
_HEADER = struct.Struct("=8sIII")
_PIECE = 1 << 20

Values: TypeAlias = "array[int] | bytes"


@dataclass(frozen=True, eq=False)
class Layout:
    """A kind of segment: its name, and its sections with the type of their numbers, "B" for bytes."""

    name: str
    sections: Mapping[str, str]

    @property
    def magic(self) -> bytes:
        return f"GP{self.name.upper()}\n".encode()

    @property
    def about(self) -> struct.Struct:
        return struct.Struct(f"=I{DIGEST_SIZE}s{len(self.sections)}Q")

    def file(self, folder: Path, number: int) -> Path:
        return folder / f"{number:05}.{self.name}"


TEXTS = Layout(
    "texts",
    {
        "subject_at": "I",
        "subjects": "B",
        "times": "q",
        "merges": "H",
        "people": "B",
        "person_at": "I",
        "by_person": "H",
        "body_row": "H",
        "body_at": "I",
        "bodies": "B",
    },
)
"""What commits say, by local rows: 0 is the oldest.

`subjects` and `people` are lines, each ended by a line feed; the subjects of row n × STRIDE begin at `subject_at[n]`, and its last
entry is their length. `times` are the committers'. `merges` lists the rows with more than one parent. `people` are the different
authors, "name <email>"; the rows of the nth are `by_person[person_at[n]:person_at[n + 1]]`. What follows the subjects in the
messages is in blocks of lines, packed by zlib: block n has the rows from `body_row[n]` to `body_row[n + 1]` and lies at
`bodies[body_at[n]:body_at[n + 1]]`, which is empty if they have nothing more to say.
"""

PATHS = Layout("paths", {"paths": "B", "path_at": "I", "by_path": "H"})
"""What commits with one parent or none change: `paths` are the different ones as lines, packed by zlib; rows as those of people."""


class SegmentUnusable(Exception):
    """The file is no segment that this program can use; make it again."""


class Segment:
    """A segment in use: `count` commits whose oids have the `digest`."""

    def __init__(self, layout: Layout, source: int | bytes, head: bytes) -> None:
        self._layout = layout
        self._source = source
        self.count: int
        self.digest: bytes
        self.count, self.digest, *lengths = layout.about.unpack_from(head, _HEADER.size)
        starts = accumulate(lengths, initial=_HEADER.size + layout.about.size)
        self._where = dict(zip(layout.sections, zip(starts, lengths, strict=False), strict=True))
        if isinstance(source, int):
            weakref.finalize(self, os.close, source)

    @classmethod
    def open(cls, layout: Layout, path: Path) -> Segment:
        """The segment at `path`, checked from end to end. Raises SegmentUnusable, also for one that is not there."""
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            raise SegmentUnusable(f"{path.name} cannot be read") from None
        try:
            return cls(layout, file, _checked(layout, file))
        except BaseException:
            os.close(file)
            raise

    @classmethod
    def of(cls, layout: Layout, data: bytes) -> Segment:
        """A segment in memory, from what `encoded` gave."""
        return cls(layout, data, data)

    def read(self, section: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of a section from `start` to `end`."""
        begin, length = self._where[section]
        end = length if end is None else end
        if isinstance(self._source, bytes):
            return self._source[begin + start : begin + end]
        return os.pread(self._source, end - start, begin + start)

    def numbers(self, section: str) -> array[int]:
        """A section of numbers, whole."""
        values: array[int] = array(self._layout.sections[section])
        values.frombytes(self.read(section))
        return values


def digest_of(oids: bytes | memoryview) -> bytes:
    """What stands for the commits of a segment: their oids, one behind the other, the oldest first."""
    return hashlib.blake2b(oids, digest_size=DIGEST_SIZE).digest()


def encoded(layout: Layout, count: int, digest: bytes, sections: Mapping[str, Values]) -> bytes:
    """A segment of `count` commits as it is kept in a file."""
    parts = [part if isinstance(part := sections[name], bytes) else part.tobytes() for name in layout.sections]
    body = b"".join([layout.about.pack(count, digest, *map(len, parts)), *parts])
    return _HEADER.pack(layout.magic, VERSION, _ORDER_MARK, zlib.crc32(body)) + body


def write(path: Path, data: bytes) -> None:
    """Put an encoded segment in place at `path`, whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    aside.write_bytes(data)
    aside.replace(path)


def _checked(layout: Layout, file: int) -> bytes:
    """The file's head."""
    head = os.pread(file, _HEADER.size + layout.about.size, 0)
    try:
        magic, version, order_mark, checksum = _HEADER.unpack_from(head)
        _, _, *lengths = layout.about.unpack_from(head, _HEADER.size)
    except struct.error:
        raise SegmentUnusable("the segment is truncated") from None
    if magic != layout.magic or version != VERSION or order_mark != _ORDER_MARK:
        raise SegmentUnusable("the segment is of another version or machine")
    found, at = 0, _HEADER.size
    while piece := os.pread(file, _PIECE, at):
        found = zlib.crc32(piece, found)
        at += len(piece)
    if found != checksum or at != len(head) + sum(lengths):
        raise SegmentUnusable("the segment is damaged")
    return head
