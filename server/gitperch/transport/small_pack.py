"""The sizes of a small pack's objects, read from the pack as it came (gitformat-pack(5)): before git has it, and in less time."""

from __future__ import annotations

import zlib

_OBJECTS = 200
_INFLATED = 1 << 20  # bytes that are inflated for it, deltas among them
_OFS_DELTA, _REF_DELTA = 6, 7


def largest(pack: bytes, oid_size: int) -> int | None:
    """Bytes of the largest object that the pack makes, those told by a delta included; None where it cannot be said at once.

    `oid_size` is in bytes. A pack that is damaged is None as well: what is wrong with it is git's to say.
    """
    if not pack:
        return 0  # as with deletions
    count = int.from_bytes(pack[8:12], "big")
    if pack[:8] != b"PACK\0\0\0\2" or count > _OBJECTS:
        return None
    at, left, found = 12, _INFLATED, 0
    try:
        for _ in range(count):
            kind = pack[at] >> 4 & 7
            size, at = _size(pack, at, 4)
            left -= size
            if left < 0:
                return None
            if kind == _REF_DELTA:
                at += oid_size
            elif kind == _OFS_DELTA:
                _, at = _size(pack, at, 7)
            data, at = _inflated(pack, at, size)
            found = max(found, _told(data) if kind in (_OFS_DELTA, _REF_DELTA) else size)
    except (IndexError, ValueError, zlib.error):
        return None
    return found if len(pack) == at + oid_size else None


def _inflated(pack: bytes, at: int, size: int) -> tuple[bytes, int]:
    """The `size` bytes whose deflated form begins at `at`, and where that ends. Raises zlib.error or ValueError."""
    inflater = zlib.decompressobj()
    data = inflater.decompress(pack[at:], size + 1)
    if len(data) != size or not inflater.eof:
        raise ValueError
    return data, len(pack) - len(inflater.unused_data)


def _told(delta: bytes) -> int:
    """The size of what a delta makes: the second number in it."""
    _, at = _size(delta, 0, 7)
    return _size(delta, at, 7)[0]


def _size(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """The number that begins at `at`, with so many bits in its first byte and seven in each that follows; and where it ends."""
    byte = data[at]
    number = byte & ((1 << bits) - 1)
    while byte & 0x80:
        at += 1
        byte = data[at]
        number |= (byte & 0x7F) << bits
        bits += 7
    return number, at + 1
