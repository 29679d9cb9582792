"""A pack that is nowhere: the objects of the base pack as they lie on disk, those that came later, one header and one checksum.

The base pack is proven to hold exactly what its tips reach (`git/base_pack.py`). Whoever wants all of that, and more, gets its
bytes as they are, and behind them a small pack of the rest, the tail, which git makes once for the same wants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.transport.clones import files
from gitperch.transport.packets import FLUSH, LARGEST, packet

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path
    from typing import Final

    from gitperch.transport.clones.checksum import Checksum
    from gitperch.transport.clones.spool import Spool

HEADER: Final = 12  # bytes of a pack's header: PACK, version, number of objects (gitformat-pack(5))
_BAND = LARGEST - 5  # bytes of one packet that are the pack's: before them its length and the side band
_PACKETS = 4  # read and sent at once
_PIECE = _PACKETS * _BAND
_BEGINNING = packet(b"packfile\n")


class DamagedError(Exception):
    """A pack on disk is not what its own checksum says."""


@dataclass(eq=False)
class Base:
    """A base pack as it was found: `key` tells its file from any other, `own` is the checksum of what has been sent of it."""

    path: Path
    key: tuple[object, ...]
    size: int
    header: bytes
    trailer: bytes
    own: Checksum
    sound: bool | None = None
    """Whether its bytes are those of its checksum: None until somebody was sent all of them."""


@dataclass(eq=False)
class VirtualPack:
    base: Base
    objects: int
    tail: Spool | None
    """A pack of its own, with header and checksum."""
    checksum: Checksum
    known: bytes = b""
    """The checksum at the end, once it is known."""

    @property
    def header(self) -> bytes:
        return self.base.header[:8] + self.objects.to_bytes(4, "big")

    @property
    def length(self) -> int:
        """Bytes of the whole answer."""
        hash_size = len(self.base.trailer)
        payload = self.base.size + (self.tail.size - HEADER - hash_size if self.tail else 0)
        return len(_BEGINNING) + payload + 5 * -(-payload // _BAND) + len(FLUSH)


async def answer(pack: VirtualPack, file: files.OpenFile) -> AsyncGenerator[bytes, None]:
    """The answer to a `fetch` in protocol v2: the section `packfile` and the end. `file` is the base pack.

    Raises DamagedError before the end when the base pack has not the bytes of its checksum, OSError as the disk does.
    """
    buffer = bytearray(_framed(bytes(_PIECE)))
    whole = memoryview(buffer)
    places = [whole[at + 5 : at + LARGEST] for at in range(0, len(buffer), LARGEST)]
    before, at, end = _BEGINNING, 0, pack.base.size - len(pack.base.trailer)
    while at + _PIECE <= end:
        await files.read(file, places, at)
        _added(pack, at, places)
        yield before + buffer
        before, at = b"", at + _PIECE
    rest = bytearray(end - at)
    await files.read(file, [memoryview(rest)], at)
    _added(pack, at, [memoryview(rest)])
    async for part in _behind(pack, end):
        rest += part
        ready = len(rest) // _PIECE * _PIECE
        if ready:
            yield before + _framed(rest[:ready])
            before, rest = b"", rest[ready:]
    yield before + _framed(rest) + FLUSH


async def _behind(pack: VirtualPack, at: int) -> AsyncGenerator[bytes, None]:
    """What follows the base pack's objects, which end at `at`: the tail's objects and the checksum."""
    base = pack.base
    if not base.sound:
        base.sound = base.own.after(at) == base.trailer
        if not base.sound:
            raise DamagedError
    if pack.tail:
        left = pack.tail.size - HEADER - len(base.trailer)
        async for part in pack.tail.pieces(HEADER, left):
            if not pack.known:
                pack.checksum.add(at, [part])
            at += len(part)
            yield part
    pack.known = pack.known or pack.checksum.after(at)
    yield pack.known


def _added(pack: VirtualPack, at: int, parts: list[memoryview]) -> None:
    """What is in `parts` goes into the checksums, and its header, where it begins the pack, becomes that of this pack."""
    if not pack.base.sound:
        pack.base.own.add(at, parts)
    if at == 0:
        parts[0][:HEADER] = pack.header
    if not pack.known:
        pack.checksum.add(at, parts)


def _framed(payload: bytes | bytearray) -> bytes:
    """`payload` in packets of side band 1."""
    view = memoryview(payload)
    pieces: list[bytes | memoryview] = []
    for at in range(0, len(payload), _BAND):
        piece = view[at : at + _BAND]
        pieces += [b"%04x\x01" % (len(piece) + 5), piece]
    return b"".join(pieces)
