"""All refs of a repository, read from git's files (gitrepository-layout(5)); again only where a file's times say so.

Every way of moving a ref renames a file into a folder below `refs/` or over `packed-refs`, which changes that folder's or file's
times. What this reads is what git would read, or nothing: all that is out of the ordinary is left to git itself.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.git import names
from gitperch.git.file_times import SETTLED_NS, Stamp, stamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_REFS = 50_000
MOST_FOLDERS = 1000  # each is looked at for every request
_PACKED_LIMIT = 10 << 20  # bytes of `packed-refs`
_LOOSE = re.compile(rb"([0-9a-f]{40}(?:[0-9a-f]{24})?)\s*")
_SYMBOLIC = re.compile(rb"ref:\s*(refs/[^\s]+)\s*")
_PACKED = re.compile(
    rb"^([0-9a-f]{40}(?:[0-9a-f]{24})?) (\S[^\n]*)\n(?:\^([0-9a-f]{40}(?:[0-9a-f]{24})?)\n)?", re.MULTILINE
)
_DIGITS = {b"sha1": 40, b"sha256": 64}
_SHA256 = re.compile(rb"objectformat\s*=\s*\"?sha256")
# Settings of a repository's own that change what is listed or how, and those that can bring in others.
_ODD_SETTINGS = re.compile(rb"hiderefs|lsrefs|refstorage|advertisesid|certnonceseed|worktreeconfig|\[\s*include")


class OddRepositoryError(Exception):
    """There is something that only git itself gets right."""


@dataclass(frozen=True)
class Refs:
    """`oids` by full name, hidden ones too, in no order; `head` is the name that HEAD points to, born or not."""

    oids: dict[bytes, bytes]
    head: bytes
    peeled: dict[bytes, bytes]
    """What `packed-refs` knows of tags: oid → the oid of what it is a tag of in the end."""
    object_format: bytes


@dataclass(frozen=True)
class _Seen:
    stamp: Stamp
    settled: bool
    content: Any


class RefFiles:
    """One repository's. `read` may run in any thread, but not twice at once; `unchanged` costs a stat for each folder."""

    def __init__(self, path: Path) -> None:
        self._root = os.fsencode(path) + b"/"
        self._seen: dict[bytes, _Seen] = {}
        self._watched: list[tuple[bytes, Stamp]] | None = None

    @property
    def weight(self) -> int:
        return len(self._seen)

    def unchanged(self) -> bool:
        """Whether `read` would say what it said the last time."""
        return self._watched is not None and all(stamp(path) == seen for path, seen in self._watched)

    def read(self) -> Refs:
        """Raises OddRepositoryError."""
        seen: dict[bytes, _Seen] = {}
        self._watched = None
        try:
            return self._read(seen)
        finally:
            # What was read until something odd was found is what makes it odd.
            self._seen = seen
            if all(each.settled for each in seen.values()):
                self._watched = [(self._root + name, each.stamp) for name, each in seen.items()]

    def _read(self, seen: dict[bytes, _Seen]) -> Refs:
        object_format = self._look(b"config", seen, _settings)
        # Loose before packed: a ref that `git pack-refs` moves meanwhile is then seen at least once.
        oids: dict[bytes, bytes] = {}
        folders = [b"refs"]
        while folders:
            below, found = self._look(folders.pop(), seen, self._scanned)
            folders += below
            oids |= found
            if len(seen) > MOST_FOLDERS:
                raise OddRepositoryError("too many folders")
        packed, peeled = self._look(b"packed-refs", seen, _packed)
        oids = packed | oids
        if len(oids) > MOST_REFS:
            raise OddRepositoryError("too many refs")
        head = self._look(b"HEAD", seen, _head)
        if not {len(oid) for oid in oids.values()} <= {_DIGITS[object_format]}:
            raise OddRepositoryError("oids of another object format")
        return Refs(oids, head, peeled, object_format)

    def _look(self, name: bytes, seen: dict[bytes, _Seen], reading: Callable[[bytes], Any]) -> Any:
        """What `reading` says of the file or folder, if need be; its stamp is older than what it says."""
        path, began = self._root + name, time.time_ns()
        now = stamp(path)
        known = self._seen.get(name)
        if not known or not known.settled or known.stamp != now:
            try:
                content = reading(path)
            except OddRepositoryError as error:
                content = error
            except OSError as error:
                content = OddRepositoryError(str(error))
            known = _Seen(now, began - now[1] > SETTLED_NS, content)
        seen[name] = known
        if isinstance(known.content, OddRepositoryError):
            raise known.content
        return known.content

    def _scanned(self, path: bytes) -> tuple[list[bytes], dict[bytes, bytes]]:
        """The folders in a folder below `refs/`, and its refs."""
        folders: list[bytes] = []
        oids: dict[bytes, bytes] = {}
        try:
            entries = os.scandir(path)
        except FileNotFoundError:  # git removes empty ones
            return folders, oids
        with entries:
            for entry in entries:
                name = entry.path.removeprefix(self._root)
                if entry.name.startswith(b".") or entry.name.endswith(b".lock"):
                    continue  # as git does
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif oid := _loose(entry):
                    oids[_well_formed(name)] = oid
        return folders, oids


def _contents(path: bytes, limit: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OddRepositoryError(f"{os.fsdecode(path)} is too long")
    return data


def _settings(path: bytes) -> bytes:
    """The object format."""
    config = _contents(path, 64 << 10).lower()
    if _ODD_SETTINGS.search(config):
        raise OddRepositoryError("its own settings say what is listed")
    return b"sha256" if _SHA256.search(config) else b"sha1"


def _head(path: bytes) -> bytes:
    target = _SYMBOLIC.fullmatch(_contents(path, 4 << 10))
    if not target or target[1].startswith(names.HIDDEN_REFS.encode()):
        raise OddRepositoryError("HEAD is detached, or points to what is hidden")
    return _well_formed(target[1])


def _loose(entry: os.DirEntry[bytes]) -> bytes | None:
    """The oid in a loose ref's file; None if that has gone meanwhile."""
    if not entry.is_file(follow_symlinks=False):
        raise OddRepositoryError("a ref that is no file")
    try:
        descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = _LOOSE.fullmatch(os.read(descriptor, 4 << 10))
    finally:
        os.close(descriptor)
    if not found or not found[1].strip(b"0"):
        raise OddRepositoryError("a symbolic or broken ref")
    return found[1]


def _packed(path: bytes) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """The refs in `packed-refs`, and what its tags peel to."""
    data = _contents(path, _PACKED_LIMIT)
    found = _PACKED.findall(data)
    lines = len(found) + sum(1 for _, _, peeled in found if peeled) + data.startswith(b"#")
    if data.count(b"\n") != lines or (data and not data.endswith(b"\n")):
        raise OddRepositoryError("packed-refs is out of form")
    oids = {_well_formed(name): oid for oid, name, _ in found}
    return oids, {oid: peeled for oid, _, peeled in found if peeled}


def _well_formed(name: bytes) -> bytes:
    if not names.is_any_ref(os.fsdecode(name)):
        raise OddRepositoryError("a ref with a name that git would not take")
    return name
