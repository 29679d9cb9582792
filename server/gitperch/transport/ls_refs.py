"""The protocol v2 command `ls-refs` (gitprotocol-v2(5)), answered in process, byte for byte as `git upload-pack` would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch.git.listing import Listing

LIMIT = 16 << 10  # a longer request is git's to answer
AT_ONCE = 2000  # refs of which an answer is made sooner than a thread would have begun to
_FLUSH, _DELIMITER = b"0000", b"0001"
_UNDERSTOOD = (b"agent=", b"session-id=")


@dataclass(frozen=True)
class Request:
    prefixes: tuple[bytes, ...] = ()
    peel: bool = False
    symrefs: bool = False
    unborn: bool = False
    object_format: bytes = b"sha1"


def parse(body: bytes) -> Request | None:
    """The request in `body`; None for any other command, and for one with a word that is not understood here."""
    packets = _packets(body)
    if not packets or packets[0] != b"command=ls-refs" or packets[-1] != _FLUSH or packets.count(_FLUSH) != 1:
        return None
    split = packets.index(_DELIMITER) if _DELIMITER in packets else len(packets) - 1
    object_format = b"sha1"
    for capability in packets[1:split]:
        if capability.startswith(b"object-format="):
            object_format = capability.removeprefix(b"object-format=")
        elif not capability.startswith(_UNDERSTOOD):
            return None
    prefixes, flags = [], set()
    for argument in packets[split + 1 : -1]:
        if argument.startswith(b"ref-prefix "):
            prefixes.append(argument.removeprefix(b"ref-prefix "))
        elif argument in (b"peel", b"symrefs", b"unborn"):
            flags.add(argument)
        else:
            return None
    return Request(tuple(prefixes), b"peel" in flags, b"symrefs" in flags, b"unborn" in flags, object_format)


def answer(request: Request, listing: Listing) -> bytes | None:
    """The response's body; None where git has to be asked after all."""
    if request.object_format != listing.object_format:
        return None
    prefixes = request.prefixes
    lines = []
    if not prefixes or b"HEAD".startswith(prefixes):
        target = b" symref-target:" + listing.head if request.symrefs else b""
        if listing.head_oid:
            lines.append(listing.head_oid + b" HEAD" + target)
        elif request.unborn and request.symrefs:
            lines.append(b"unborn HEAD" + target)
    for oid, name, peeled in listing.entries:
        if not prefixes or name.startswith(prefixes):
            lines.append(oid + b" " + name + (b" peeled:" + peeled if peeled and request.peel else b""))
    return b"".join(b"%04x%s\n" % (len(line) + 5, line) for line in lines) + _FLUSH


def _packets(body: bytes) -> list[bytes] | None:
    """The packets of a pkt-line stream without their newlines; None when it is not one (gitprotocol-common(5))."""
    packets, at = [], 0
    while at < len(body):
        header = body[at : at + 4]
        if header in (_FLUSH, _DELIMITER):
            packets.append(header)
            at += 4
            continue
        try:
            size = int(header, 16)
        except ValueError:
            return None
        if size < 4 or at + size > len(body):
            return None
        packets.append(body[at + 4 : at + size].removesuffix(b"\n"))
        at += size
    return packets
