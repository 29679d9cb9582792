"""A segment: the folded texts of up to `ROWS` commits that follow each other in the row index, in a file or in memory.

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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 1 << 15
"""Commits of a full segment; segment k begins at height k × ROWS."""

STRIDE = 1024
"""A mark every so many rows says where their subjects begin."""

MAGIC = b"GPTEXTS\n"
VERSION = 1
DIGEST_SIZE = 16
_ORDER_MARK = 0x01020304  # reads differently on a machine of the other byte order
_HEADER = struct.Struct("=8sIII")
_ABOUT = struct.Struct(f"=I{DIGEST_SIZE}s")
_SECTIONS = {
    "subject_at": "I",
    "subjects": "B",
    "times": "q",
    "merges": "H",
    "people": "B",
    "person_at": "H",
    "by_person": "H",
    "body_row": "H",
    "body_at": "I",
    "bodies": "B",
}
_LENGTHS = struct.Struct(f"={len(_SECTIONS)}Q")
_BEGIN = _HEADER.size + _ABOUT.size + _LENGTHS.size
_PIECE = 1 << 20


class SegmentUnusable(Exception):
    """The file is no segment that this program can use; make it again."""


@dataclass(frozen=True)
class Sections:
    """What a segment holds, by local rows: 0 is the oldest.

    `subjects` and `people` are lines, each ended by a line feed; the subjects of row n × STRIDE begin at `subject_at[n]`, and
    its last entry is their length. `times` are the committers'. `merges` lists the rows with more than one parent. `people`
    are the different authors, "name <email>"; the rows of the nth are `by_person[person_at[n]:person_at[n + 1]]`. What follows
    the subjects in the messages is in blocks of lines, packed by zlib: block n has the rows from `body_row[n]` to
    `body_row[n + 1]` and lies at `bodies[body_at[n]:body_at[n + 1]]`, which is empty if they have nothing more to say.
    """

    subject_at: array[int]
    subjects: bytes
    times: array[int]
    merges: array[int]
    people: bytes
    person_at: array[int]
    by_person: array[int]
    body_row: array[int]
    body_at: array[int]
    bodies: bytes


class Segment:
    """A segment in use: `count` commits whose oids have the `digest`."""

    def __init__(self, source: int | bytes, count: int, digest: bytes, lengths: tuple[int, ...]) -> None:
        self._source = source
        self.count = count
        self.digest = digest
        starts = accumulate(lengths, initial=_BEGIN)
        self._where = dict(zip(_SECTIONS, zip(starts, lengths, strict=False), strict=True))
        if isinstance(source, int):
            weakref.finalize(self, os.close, source)

    @classmethod
    def open(cls, path: Path) -> Segment:
        """The segment at `path`, checked from end to end. Raises SegmentUnusable, also for one that is not there."""
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError:
            raise SegmentUnusable(f"{path.name} cannot be read") from None
        try:
            return cls(file, *_checked(file))
        except BaseException:
            os.close(file)
            raise

    @classmethod
    def of(cls, data: bytes) -> Segment:
        """A segment in memory, from what `encoded` gave."""
        count, digest = _ABOUT.unpack_from(data, _HEADER.size)
        return cls(data, count, digest, _LENGTHS.unpack_from(data, _HEADER.size + _ABOUT.size))

    def read(self, section: str, start: int = 0, end: int | None = None) -> bytes:
        """The bytes of a section from `start` to `end`."""
        begin, length = self._where[section]
        end = length if end is None else end
        if isinstance(self._source, bytes):
            return self._source[begin + start : begin + end]
        return os.pread(self._source, end - start, begin + start)

    def numbers(self, section: str) -> array[int]:
        """A section of numbers, whole."""
        values: array[int] = array(_SECTIONS[section])
        values.frombytes(self.read(section))
        return values

    def sections(self) -> Sections:
        values: dict[str, Any] = {
            name: self.read(name) if typecode == "B" else self.numbers(name) for name, typecode in _SECTIONS.items()
        }
        return Sections(**values)


def digest_of(oids: bytes | memoryview) -> bytes:
    """What stands for the commits of a segment: their oids, one behind the other, the oldest first."""
    return hashlib.blake2b(oids, digest_size=DIGEST_SIZE).digest()


def encoded(sections: Sections, digest: bytes) -> bytes:
    """A segment as it is kept in a file."""
    parts = [part if isinstance(part := getattr(sections, name), bytes) else part.tobytes() for name in _SECTIONS]
    about = _ABOUT.pack(len(sections.times), digest)
    body = b"".join([about, _LENGTHS.pack(*map(len, parts)), *parts])
    return _HEADER.pack(MAGIC, VERSION, _ORDER_MARK, zlib.crc32(body)) + body


def write(path: Path, data: bytes) -> None:
    """Put an encoded segment in place at `path`, whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    aside.write_bytes(data)
    aside.replace(path)


def _checked(file: int) -> tuple[int, bytes, tuple[int, ...]]:
    head = os.pread(file, _BEGIN, 0)
    try:
        magic, version, order_mark, checksum = _HEADER.unpack_from(head)
        count, digest = _ABOUT.unpack_from(head, _HEADER.size)
        lengths = _LENGTHS.unpack_from(head, _HEADER.size + _ABOUT.size)
    except struct.error:
        raise SegmentUnusable("the segment is truncated") from None
    if magic != MAGIC or version != VERSION or order_mark != _ORDER_MARK:
        raise SegmentUnusable("the segment is of another version or machine")
    found, at = 0, _HEADER.size
    while piece := os.pread(file, _PIECE, at):
        found = zlib.crc32(piece, found)
        at += len(piece)
    if found != checksum or at != _BEGIN + sum(lengths):
        raise SegmentUnusable("the segment is damaged")
    return count, digest, lengths
