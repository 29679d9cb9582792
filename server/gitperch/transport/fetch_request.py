"""The protocol v2 command `fetch` (gitprotocol-v2(5)) as a value, for those who answer it without asking git."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch.transport.packets import Command

_OID = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FLAGS = frozenset((b"thin-pack", b"no-progress", b"include-tag", b"ofs-delta", b"done", b"deepen-relative"))
_IRRELEVANT = (b"agent=", b"session-id=", b"object-format=")


@dataclass(frozen=True)
class FetchRequest:
    """What a client asks for. Oids are hex, as sent; `flags` are the words without a value, `done` among them."""

    wants: tuple[bytes, ...]
    haves: tuple[bytes, ...]
    flags: frozenset[bytes]
    object_format: bytes = b"sha1"
    shallow: tuple[bytes, ...] = ()
    deepen: tuple[bytes, ...] = ()
    """The whole lines `deepen …`, `deepen-since …`, `deepen-not …`, as sent."""
    filter: bytes = b""

    @property
    def done(self) -> bool:
        return b"done" in self.flags

    @property
    def full(self) -> bool:
        """Whether it asks for everything that its wants reach: no haves, depth or filter."""
        return self.done and not (self.haves or self.shallow or self.deepen or self.filter)

    @property
    def plain(self) -> bool:
        """Whether it is of the ordinary kind: neither depth nor filter, in either direction."""
        return not (self.shallow or self.deepen or self.filter)


def parse(command: Command) -> FetchRequest | None:
    """The request; None for one that is not `fetch`, or with anything that is not understood here: that is git's to answer."""
    if command.name != b"fetch" or not all(word.startswith(_IRRELEVANT) for word in command.capabilities):
        return None
    oids: dict[bytes, list[bytes]] = {b"want": [], b"have": [], b"shallow": []}
    deepen, filters, flags = [], [], set()
    for line in command.arguments:
        word, _, value = line.partition(b" ")
        if word in oids and _OID.fullmatch(value):
            oids[word].append(value)
        elif word in (b"deepen", b"deepen-since", b"deepen-not") and value:
            deepen.append(line)
        elif word == b"filter" and value:
            filters.append(value)
        elif line in _FLAGS:
            flags.add(line)
        else:
            return None
    if not oids[b"want"] or len(filters) > 1:
        return None
    return FetchRequest(
        tuple(oids[b"want"]),
        tuple(oids[b"have"]),
        frozenset(flags),
        command.object_format,
        tuple(oids[b"shallow"]),
        tuple(deepen),
        filters[0] if filters else b"",
    )
