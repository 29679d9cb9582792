"""What `info/refs` announces, made from the listing of refs, byte for byte as git would (gitprotocol-pack(5), gitprotocol-v2(5)).

What git says of itself is learned from its own advertisement, once for each state of a repository's configuration, and only
where the rest of it is what would have been made here.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch.git.file_times import SETTLED_NS
from gitperch.transport import nonces, packets
from gitperch.transport.said import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.git.listing import Listing, Listings
    from gitperch.transport.opened import Opened, Service

_LARGEST = 16 << 20  # bytes of git's advertisement
_LEARNED = 1000
_AT_ONCE = 2000  # refs of which an advertisement is made sooner than a thread would have begun to
_VERSION_1 = packets.packet(b"version 1\n")
# Files that add lines of another kind.
_ADDING = ("shallow", "objects/info/alternates")


@dataclass(frozen=True)
class _Form:
    """All but the refs: what comes before them, and the capabilities on both sides of HEAD's target, where that is told."""

    before: bytes
    capabilities: tuple[bytes, ...]

    def filled(self, service: Service, listing: Listing) -> bytes:
        refs = _with_head_and_peeled(listing) if service == "git-upload-pack" else _plainly(listing)
        nobody = b"0" * (64 if listing.object_format == b"sha256" else 40), b"capabilities^{}"
        oid, name = next(refs, nobody)
        first = b"%s %s\0%s\n" % (oid, name, listing.head.join(self.capabilities))
        rest = (b"%04x%s %s\n" % (len(oid) + len(name) + 6, oid, name) for oid, name in refs)
        return b"".join((self.before, packets.packet(first), *rest, packets.FLUSH))


@dataclass(frozen=True)
class _Learned:
    """Something that git said, `of` a state of the configuration."""

    of: tuple[int, ...]
    settings: object
    said: _Form | bytes


class Advertisements:
    def __init__(self, git: Git, listings: Listings) -> None:
        self._git = git
        self._listings = listings
        self._learned: dict[tuple[object, ...], _Learned] = {}
        self._said = Said()

    async def of(self, opened: Opened, service: Service, protocol: str) -> bytes | None:
        """What git would advertise for a version that it understands in `protocol`; None where it has to be asked."""
        if not opened.plain:
            return None
        if protocol == "version=2" and service == "git-upload-pack":
            return await self._capabilities(opened, service, protocol)
        if any(os.path.exists(f"{opened.path}/{name}") for name in _ADDING):  # noqa: PTH110 -- as cheap as can be
            return None
        listing = await self._listings.of(opened.path)
        return await self._of_refs(opened, service, protocol, listing) if listing else None

    async def _capabilities(self, opened: Opened, service: Service, protocol: str) -> bytes | None:
        """In version 2 nothing else is advertised: a constant of git's version and the repository's configuration."""
        key = (opened.path, protocol, opened.filters)
        known = self._known(key, opened)
        if not known:
            state = _state(opened.path)
            known = await self._asked(opened, service, protocol)
            if known:
                self._learn(key, _Learned(state, opened.settings, known), known)
        return known if isinstance(known, bytes) else None

    async def _of_refs(self, opened: Opened, service: Service, protocol: str, listing: Listing) -> bytes | None:
        key = (opened.path, service, protocol, bool(listing.head_oid), opened.filters)
        form = self._known(key, opened)
        if isinstance(form, _Form):
            question = service, form
            if made := self._said.again(opened.path, question, listing):
                return self._with_nonce(made, opened, listing)
            if len(listing.entries) > _AT_ONCE:
                made = await asyncio.to_thread(form.filled, service, listing)
            else:
                made = form.filled(service, listing)
            self._said.remember(opened.path, question, listing, made)
            return self._with_nonce(made, opened, listing)
        state = _state(opened.path)
        said = await self._asked(opened, service, protocol)
        if said and (form := _form(said, listing)) and await asyncio.to_thread(form.filled, service, listing) == said:
            self._learn(key, _Learned(state, opened.settings, form), said)
        return said

    def _with_nonce(self, made: bytes, opened: Opened, listing: Listing) -> bytes:
        if not self._git.nonce_seed:
            return made
        return nonces.replaced(made, nonces.fresh(self._git.nonce_seed, str(opened.path), listing.object_format))

    async def _asked(self, opened: Opened, service: Service, protocol: str) -> bytes | None:
        try:
            async with self._git.children.turn(opened.client):
                return await self._git.run(
                    service.removeprefix("git-"),
                    "--stateless-rpc",
                    "--advertise-refs",
                    str(opened.path),
                    environment=opened.speaking(protocol),
                    timeout=120,
                    max_output=_LARGEST,
                )
        except GitError:
            return None  # how to pass on what is wrong is for others to know

    def _known(self, key: tuple[object, ...], opened: Opened) -> _Form | bytes | None:
        learned = self._learned.get(key)
        same = learned and learned.settings is opened.settings and learned.of == _state(opened.path)
        return learned.said if learned and same else None

    def _learn(self, key: tuple[object, ...], learned: _Learned, said: bytes) -> None:
        constant = learned.of and b"session-id=" not in said
        if constant and time.time_ns() - learned.of[-1] > SETTLED_NS:
            if len(self._learned) >= _LEARNED:  # a bound; any would do
                self._learned.clear()
            self._learned[key] = learned


def _state(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(f"{path}/config")  # noqa: PTH116 -- as above
    except FileNotFoundError:  # deleted meanwhile
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _form(said: bytes, listing: Listing) -> _Form | None:
    """The form of an advertisement; None where it is of another kind. Whether it fits is the caller's to see."""
    before = _VERSION_1 if said.startswith(_VERSION_1) else b""
    _, zero, rest = said.partition(b"\0")
    capabilities, newline, _ = rest.partition(b"\n")
    if not (zero and newline):
        return None
    left, target, right = capabilities.partition(b" symref=HEAD:" + listing.head + b" ")
    if not target:
        return _Form(before, (capabilities,))
    return _Form(before, (left + b" symref=HEAD:", b" " + right))


def _with_head_and_peeled(listing: Listing) -> Iterator[tuple[bytes, bytes]]:
    head = [(listing.head_oid, b"HEAD", listing.head_peeled)] if listing.head_oid else []
    for oid, name, peeled in (*head, *listing.entries):
        yield oid, name
        if peeled:
            yield peeled, name + b"^{}"


def _plainly(listing: Listing) -> Iterator[tuple[bytes, bytes]]:
    return ((oid, name) for oid, name, _ in listing.entries)
