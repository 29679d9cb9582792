"""Fetches of a few commits, answered without a process: what a client asks for after somebody has pushed.

The answer is git's in all that a client goes by: the same acknowledgments, and a pack that makes its repository whole. Whatever is
larger, rarer or in doubt is left to git, which costs a few milliseconds and is always right.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from operator import itemgetter
from typing import TYPE_CHECKING

from gitperch.git.process import UnreadableRepository
from gitperch.transport.history import COMMIT, Bounds, Objects, Undecided, nearest, ready, unknown
from gitperch.transport.missing_objects import MissingObjects
from gitperch.transport.packets import DELIMITER, FLUSH, LARGEST, packet
from gitperch.transport.thin_pack import Pack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch.git.listing import Listing
    from gitperch.transport.fetch_request import FetchRequest

_WANTS, _HAVES = 32, 128
# About what git, too, would be ready with by then: beyond this it is faster.
_BOUNDS = Bounds(objects=400, size=1 << 20, packed=256 << 10)
_AT_ONCE = Bounds(objects=40, size=256 << 10, packed=16 << 10)
_MOMENT = 0.004  # seconds, waiting for the thread included
_OLDER = 4096  # bytes of old content that may be sent without need
_TAGS = b"refs/tags/"
_OID = itemgetter(0)
_LEFT = 1000  # requests
_REMEMBERED = 16  # repositories
# A repository with one of these has objects that are missing or elsewhere, or parents that are not in its commits.
_UNUSUAL = ("shallow", "info/grafts", "objects/info/alternates", "objects/info/http-alternates")
_PIECE = LARGEST - 5  # bytes of a pack in one packet: less its length and band


class _Refs:
    """A listing, and what became of requests about it."""

    def __init__(self, listing: Listing, *, quick: bool) -> None:
        """`quick` is whether the last answer took but a moment."""
        self.listing = listing
        self.quick = quick
        self.left: set[int] = set()  # hashes of requests that were left to git: to try them again would be in vain

    def show(self, wants: Sequence[bytes]) -> bool:
        """Whether all of these are refs'. Looked through rather than kept: after a push, most listings are asked once."""
        return not set(wants).difference(map(_OID, self.listing.entries))

    def tags_of(self, found: Collection[bytes]) -> list[bytes]:
        """The annotated tags of any of these."""
        return [
            oid for oid, name, peeled in self.listing.entries if peeled in found and peeled and name.startswith(_TAGS)
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
        if hash(request) in refs.left or not refs.show(request.wants):
            return None
        begun = time.perf_counter()
        try:
            # What took but a moment last time is tried at once: to wake another thread up would take as long.
            here = self._git.read_here(path, _answer, str(path), request, refs, _AT_ONCE) if refs.quick else None
            answer = here or await self._git.read(path, _answer, str(path), request, refs, _BOUNDS)
        except (UnreadableRepository, FileNotFoundError):  # the latter where it has just been deleted
            answer = None
        refs.quick = answer is not None and time.perf_counter() - begun < _MOMENT
        if answer is None and len(refs.left) < _LEFT:
            refs.left.add(hash(request))
        return answer

    def _looked_up(self, path: Path, listing: Listing) -> _Refs:
        refs = self._refs.get(path)
        if not refs or refs.listing is not listing:
            refs = self._refs[path] = _Refs(listing, quick=refs is not None and refs.quick)
            if len(self._refs) > _REMEMBERED:
                self._refs.popitem(last=False)
        self._refs.move_to_end(path)
        return refs


def _answer(
    repository: LibgitRepository, path: str, request: FetchRequest, refs: _Refs, bounds: Bounds
) -> bytes | None:
    packs = {name.rpartition(".")[2] for name in os.listdir(f"{path}/objects/pack")}  # noqa: PTH208 -- names are all it takes
    if "promisor" in packs or any(os.path.lexists(f"{path}/{name}") for name in _UNUSUAL):
        return None
    try:
        return _decided(Objects(repository, bounds), request, refs, f"{path}/objects" if "bitmap" in packs else "")
    except Undecided:
        return None


def _decided(objects: Objects, request: FetchRequest, refs: _Refs, bitmapped: str) -> bytes:
    """Raises Undecided."""
    wants = [objects.peeled(_binary(want)) for want in dict.fromkeys(request.wants)]
    if any(objects.read(oid)[0] != COMMIT for oid, _ in wants):
        raise Undecided
    common = [have for have in request.haves if objects.exists(have.decode())]
    haves = dict.fromkeys(map(_binary, common))
    if not haves:
        if request.done:
            raise Undecided  # a clone, in all but name
        return _acknowledgments(common) + FLUSH
    tagged = any(tags for _, tags in wants)
    commits = _missing(objects, [oid for oid, _ in wants], haves, request.done, tagged)
    if commits is None:
        return _acknowledgments(common) + FLUSH
    sent = MissingObjects(objects, commits)
    tags = [tag for _, tags in wants for tag in tags]
    if b"include-tag" in request.flags:
        found = {oid.hex().encode() for oid in sent.found()}
        tags += [tag for oid in refs.tags_of(found) for tag in objects.peeled(_binary(oid))[1]]
    for tag in tags:
        if tag not in haves:
            sent.tag(tag)
    pack = Pack(objects, request.flags)
    pack.add(sent.found())
    if bitmapped and _older(pack.whole, bitmapped) > _OLDER:
        raise Undecided
    opening = b"" if request.done else _acknowledgments(common) + packet(b"ready\n") + DELIMITER
    return b"".join((opening, packet(b"packfile\n"), *_side_band(pack, request.flags), FLUSH))


def _missing(
    objects: Objects, wants: list[bytes], haves: Collection[bytes], done: bool, tagged: bool
) -> list[bytes] | None:
    """The commits to be sent; None where the client has to say first what else it has."""
    if not tagged and (commits := nearest(objects, wants, haves)):  # what a new tag is of may well be with the client
        return commits
    theirs = {oid: objects.peeled(oid)[0] for oid in haves}
    known = {oid for oid in theirs.values() if objects.read(oid)[0] == COMMIT}
    if not done and not ready(objects, wants, known.intersection(haves)):
        return None
    return unknown(objects, wants, known)


def _older(files: Mapping[bytes, int], folder: str) -> int:
    """Bytes of files that have been there for long, which is to say in a pack: content that has come back.

    The client may well have them, and a git with a bitmap sees that it has.
    """
    names = {oid.hex(): size for oid, size in files.items()}
    return sum(size for name, size in names.items() if not os.path.lexists(f"{folder}/{name[:2]}/{name[2:]}"))


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
