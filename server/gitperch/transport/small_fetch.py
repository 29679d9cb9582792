"""Fetches of a few commits, answered without a process: what a client asks for after somebody has pushed.

The answer is git's in all that a client goes by: the same acknowledgments, and a pack that makes its repository whole. Whatever is
larger, rarer or in doubt is left to git, which costs a few milliseconds and is always right.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from gitperch.git.process import UnreadableRepository
from gitperch.transport.history import BLOB, COMMIT, Objects, Undecided, missing, ready
from gitperch.transport.missing_objects import MissingObjects
from gitperch.transport.packets import DELIMITER, FLUSH, LARGEST, packet
from gitperch.transport.thin_pack import Pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch.git.listing import Listing
    from gitperch.transport.fetch_request import FetchRequest
    from gitperch.transport.missing_objects import Missing

_WANTS, _HAVES = 32, 128
_OLDER = 4096  # bytes of old content that may be sent without need
_TAGS = b"refs/tags/"
_REMEMBERED = 8  # repositories, whose refs are kept as sets
# A repository with one of these has objects that are missing or elsewhere, or parents that are not in its commits.
_UNUSUAL = ("shallow", "info/grafts", "objects/info/alternates", "objects/info/http-alternates")
_PIECE = LARGEST - 5  # bytes of a pack in one packet: less its length and band


class _Refs:
    """A listing as it is looked up here: the refs' oids in hex; of annotated tags what they are of, and themselves, in binary."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.oids = frozenset(oid for oid, _, _ in listing.entries)
        self.tags = [
            (_binary(peeled), _binary(oid))
            for oid, name, peeled in listing.entries
            if peeled and name.startswith(_TAGS)
        ]


class SmallFetches:
    def __init__(self, git: Git) -> None:
        self._git = git
        self._refs: OrderedDict[Path, _Refs] = OrderedDict()

    async def answer(self, path: Path, request: FetchRequest, listing: Listing) -> bytes | None:
        """The whole body of the response to protocol v2's `fetch`, or None where git is to answer.

        `listing` are the refs of the repository at `path`, whose configuration is the server's own.
        """
        if not request.plain or not 0 < len(request.haves) <= _HAVES or len(request.wants) > _WANTS:
            return None
        if request.object_format != b"sha1" or listing.object_format != b"sha1":
            return None
        refs = self._looked_up(path, listing)
        if not refs.oids.issuperset(request.wants):
            return None
        try:
            return await self._git.read(path, _answer, path, request, refs)
        except UnreadableRepository:
            return None

    def _looked_up(self, path: Path, listing: Listing) -> _Refs:
        refs = self._refs.get(path)
        if not refs or refs.listing is not listing:
            refs = self._refs[path] = _Refs(listing)
            if len(self._refs) > _REMEMBERED:
                self._refs.popitem(last=False)
        self._refs.move_to_end(path)
        return refs


def _answer(repository: LibgitRepository, path: Path, request: FetchRequest, refs: _Refs) -> bytes | None:
    packs = {name.rpartition(".")[2] for name in os.listdir(path / "objects/pack")}  # noqa: PTH208 -- names are all it takes
    if "promisor" in packs or any(os.path.lexists(path / name) for name in _UNUSUAL):
        return None
    try:
        return _decided(Objects(repository), request, refs, path / "objects" if "bitmap" in packs else None)
    except Undecided:
        return None


def _decided(objects: Objects, request: FetchRequest, refs: _Refs, bitmapped: Path | None) -> bytes:
    """Raises Undecided."""
    wants = [objects.peeled(_binary(want)) for want in dict.fromkeys(request.wants)]
    if any(objects.read(oid)[0] != COMMIT for oid, _ in wants):
        raise Undecided
    commits = [oid for oid, _ in wants]
    common = [have for have in request.haves if objects.exists(have.decode())]
    haves = [objects.peeled(_binary(have)) for have in dict.fromkeys(common)]
    theirs = [oid for oid, _ in haves if objects.read(oid)[0] == COMMIT]
    opening = b""
    if not request.done:
        opening = _acknowledgments(common)
        untagged = {oid for oid, tags in haves if not tags}
        if not common or not ready(objects, commits, untagged.intersection(theirs)):
            return opening + FLUSH
        opening += packet(b"ready\n") + DELIMITER
    elif not common:
        raise Undecided  # a clone, in all but name
    sent = MissingObjects(objects, missing(objects, commits, theirs))
    tags = [tag for _, tags in wants for tag in tags]
    if b"include-tag" in request.flags:
        found = sent.found()
        tags += [tag for peeled, name in refs.tags if peeled in found for tag in objects.peeled(name)[1]]
    known = {tag for _, tags in haves for tag in tags}
    for tag in tags:
        if tag not in known:
            sent.tag(tag)
    found = sent.found()
    if bitmapped and _older(objects, found, bitmapped) > _OLDER:
        raise Undecided
    pack = Pack(objects, request.flags)
    pack.add(found)
    return b"".join((opening, packet(b"packfile\n"), *_side_band(pack, request.flags), FLUSH))


def _older(objects: Objects, found: Mapping[bytes, Missing], folder: Path) -> int:
    """Bytes of files to be sent whole that have been there for long, which is to say in a pack: content that has come back.

    The client may well have them, and a git with a bitmap sees that it has.
    """
    whole = [oid for oid, one in found.items() if one.kind == BLOB and not one.base]
    packed = [oid for oid in whole if not os.path.lexists(f"{folder}/{oid.hex()[:2]}/{oid.hex()[2:]}")]
    return sum(len(objects.content(oid, BLOB)) for oid in packed)


def _acknowledgments(common: Sequence[bytes]) -> bytes:
    lines = [packet(b"ACK %s\n" % have) for have in common] or [packet(b"NAK\n")]
    return packet(b"acknowledgments\n") + b"".join(lines)


def _side_band(pack: Pack, flags: frozenset[bytes]) -> Iterator[bytes]:
    if b"no-progress" not in flags:
        said = b"Enumerating objects: %d, done.\nTotal %d (delta %d), reused 0 (delta 0), pack-reused 0\n"
        yield packet(b"\2" + said % (len(pack), len(pack), pack.deltas))
    data = pack.finished()
    for at in range(0, len(data), _PIECE):
        yield packet(b"\1" + data[at : at + _PIECE])


def _binary(oid: bytes) -> bytes:
    return bytes.fromhex(oid.decode())
