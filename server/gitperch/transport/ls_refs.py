"""The protocol v2 command `ls-refs` (gitprotocol-v2(5)), answered in process, byte for byte as `git upload-pack` would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.transport.packets import FLUSH

if TYPE_CHECKING:
    from gitperch.git.listing import Listing
    from gitperch.transport.packets import Command

AT_ONCE = 2000  # refs of which an answer is made sooner than a thread would have begun to
_UNDERSTOOD = (b"agent=", b"session-id=", b"object-format=")


@dataclass(frozen=True)
class Request:
    prefixes: tuple[bytes, ...] = ()
    peel: bool = False
    symrefs: bool = False
    unborn: bool = False
    object_format: bytes = b"sha1"


def parse(command: Command) -> Request | None:
    """The request; None for any other command, and for one with a word that is not understood here."""
    if command.name != b"ls-refs" or not all(word.startswith(_UNDERSTOOD) for word in command.capabilities):
        return None
    prefixes, flags = [], set()
    for argument in command.arguments:
        if argument.startswith(b"ref-prefix "):
            prefixes.append(argument.removeprefix(b"ref-prefix "))
        elif argument in (b"peel", b"symrefs", b"unborn"):
            flags.add(argument)
        else:
            return None
    return Request(tuple(prefixes), b"peel" in flags, b"symrefs" in flags, b"unborn" in flags, command.object_format)


def answer(request: Request, listing: Listing) -> bytes | None:
    """The response's body; None where git has to be asked after all."""
    if request.object_format != listing.object_format:
        return None
    prefixes = request.prefixes
    lines = []
    if not prefixes or b"HEAD".startswith(prefixes):
        target = b" symref-target:" + listing.head if request.symrefs else b""
        if listing.head_oid:
            lines.append(_line(listing.head_oid, b"HEAD" + target, listing.head_peeled if request.peel else b""))
        elif request.unborn and request.symrefs:
            lines.append(b"unborn HEAD" + target)
    for oid, name, peeled in listing.entries:
        if not prefixes or name.startswith(prefixes):
            lines.append(_line(oid, name, peeled if request.peel else b""))
    return b"".join(b"%04x%s\n" % (len(line) + 5, line) for line in lines) + FLUSH


def _line(oid: bytes, name: bytes, peeled: bytes) -> bytes:
    return oid + b" " + name + (b" peeled:" + peeled if peeled else b"")
