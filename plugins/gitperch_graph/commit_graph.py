"""git's commit-graph files, read where they lie: the shape of a history without opening one object, and without a copy of it.

The format is gitformat-commit-graph(5): a single file or a chain of split layers, generation numbers version 1 or 2,
SHA-1 or SHA-256. https://git-scm.com/docs/commit-graph-format

A look-up is a read at an offset, a microsecond: what a map would cost, but no page of these large files stays with this process.
"""

from __future__ import annotations

import bisect
import os
import struct
import weakref
from array import array
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

NO_PARENT = 0x70000000
HIGH_BIT = 0x80000000

_HEADER = struct.Struct(">4sBBBB")
_CHUNK = struct.Struct(">4sQ")
_WORD = struct.Struct(">I")
_LONG = struct.Struct(">Q")
_HASH_SIZES = {1: 20, 2: 32}
_TIME_MASK = (1 << 34) - 1
_FANOUT = 256
_MOST_CHUNKS = 64
_MOST_LAYERS = 1000


class CommitGraphError(Exception):
    """A file is not a commit-graph that can be read: of a later version, truncated, or damaged."""


class Layer:
    """One file, open. `checksum` is the one that it ends with, in hex; by it git calls a layer."""

    def __init__(self, file: Path, bases: int | None = None) -> None:
        """`bases`: how many layers it has to stand on. Raises CommitGraphError."""
        try:
            self.descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            raise CommitGraphError(f"{file.name} cannot be read") from None
        weakref.finalize(self, os.close, self.descriptor)
        self.name = file.name
        self.is_gits = file.parent.name in ("info", "commit-graphs")
        self._length = os.fstat(self.descriptor).st_size
        try:
            magic, version, hash_version, chunk_count, base_count = _HEADER.unpack(self.read(0, _HEADER.size))
            if magic != b"CGPH" or version != 1 or hash_version not in _HASH_SIZES:
                raise CommitGraphError(f"{self.name} is not a commit-graph of version 1")
            if bases is not None and base_count != bases:
                raise CommitGraphError(f"{self.name} stands on {base_count} layers, not on {bases}")
            self.hash_size = _HASH_SIZES[hash_version]
            self._chunks = self._table(min(chunk_count, _MOST_CHUNKS))
            self.fanout = array("I", struct.unpack(f">{_FANOUT}I", self._whole(b"OIDF")))
        except struct.error:
            raise CommitGraphError(f"{self.name} is truncated") from None
        self.count = self.fanout[-1]
        self._check()
        self.checksum = self.read(self._length - self.hash_size, self.hash_size).hex()
        self._oids = self._chunks[b"OIDL"][0]
        self._commits = self._chunks[b"CDAT"][0]

    def _table(self, chunk_count: int) -> dict[bytes, tuple[int, int]]:
        """Where each chunk begins, and how long it is."""
        data = self.read(_HEADER.size, (chunk_count + 1) * _CHUNK.size)
        entries = list(_CHUNK.iter_unpack(data))
        if len(entries) != chunk_count + 1:
            raise CommitGraphError(f"{self.name} is truncated")
        chunks = {}
        for (name, start), (_, end) in pairwise(entries):
            if not start <= end <= self._length - self.hash_size:
                raise CommitGraphError(f"{self.name} is truncated")
            chunks[name] = (start, end - start)
        return chunks

    def _check(self) -> None:
        sizes = {b"OIDL": self.hash_size, b"CDAT": self.hash_size + 16}
        if b"GDA2" in self._chunks:
            sizes[b"GDA2"] = 4
        if any(self._chunks.get(name, (0, -1))[1] != self.count * size for name, size in sizes.items()):
            raise CommitGraphError(f"{self.name} lacks commits")
        if any(low > high for low, high in pairwise(self.fanout)):
            raise CommitGraphError(f"{self.name} is damaged")

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self.descriptor, length, offset)

    def _whole(self, name: bytes) -> bytes:
        return self.read(*self._chunks.get(name, (0, 0)))

    def has(self, name: bytes) -> bool:
        return name in self._chunks

    def pieces(self, name: bytes, size: int, most: int) -> Iterator[bytes]:
        """A chunk's content in pieces of at most `most` records of `size` bytes."""
        start, length = self._chunks.get(name, (0, 0))
        for offset in range(start, start + length, size * most):
            yield self.read(offset, min(size * most, start + length - offset))

    def oid(self, at: int) -> bytes:
        return self.read(self._oids + at * self.hash_size, self.hash_size)

    def find(self, oid: bytes) -> int | None:
        at: int = self.bisect(oid)
        return at if at < self.count and self.oid(at) == oid else None

    def bisect(self, prefix: bytes) -> int:
        """Of the first commit whose oid is not less than `prefix`, which is no longer than an oid."""
        if not prefix:
            return 0
        low = self.fanout[prefix[0] - 1] if prefix[0] else 0
        high = self.fanout[prefix[0]]
        return bisect.bisect_left(range(self.count), prefix, low, high, key=self.oid)

    def time(self, at: int) -> int:
        """The committer's, in Unix seconds, as far as the format holds it (34 bits)."""
        offset = self._commits + at * (self.hash_size + 16) + self.hash_size + 8
        return int(_LONG.unpack(self.read(offset, 8))[0]) & _TIME_MASK

    def date(self, at: int) -> int:
        """The corrected commit date; there has to be a GDA2."""
        offset = _WORD.unpack(self.read(self._chunks[b"GDA2"][0] + at * 4, 4))[0]
        if offset & HIGH_BIT:
            offset = _LONG.unpack(self.read(self._chunks[b"GDO2"][0] + (offset & ~HIGH_BIT) * 8, 8))[0]
        return self.time(at) + int(offset)


class CommitGraph:
    """The commits of all layers; a commit's position counts through them, the base layer first."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        self.hash_size = layers[0].hash_size
        self.starts = [0, *accumulate(layer.count for layer in layers)]
        self.count = self.starts[-1]
        if self.count >= NO_PARENT or len({layer.hash_size for layer in layers}) != 1:
            raise CommitGraphError("the layers of the commit-graph do not fit together")

    @classmethod
    def open(cls, path: Path, checksums: Sequence[str] | None = None) -> CommitGraph | None:
        """The commit-graph of the bare repository at `path`; None where it has none. Raises CommitGraphError.

        With `checksums` only these layers, which have to be the lowest ones; None, too, where they are not.
        """
        single = path / "objects" / "info" / "commit-graph"
        if single.exists():
            graph = cls([Layer(single)])
            return graph if checksums is None or graph.checksums == tuple(checksums) else None
        chain = chain_of(path)
        wanted = chain if checksums is None else list(checksums)
        if not wanted or chain[: len(wanted)] != wanted:
            return None
        folders = list(_folders(path))
        return cls([Layer(_layer_file(folders, checksum), base) for base, checksum in enumerate(wanted)])

    @property
    def checksums(self) -> tuple[str, ...]:
        return tuple(layer.checksum for layer in self.layers)

    @property
    def has_dates(self) -> bool:
        """Whether corrected commit dates are in all of it (generation number version 2)."""
        return all(layer.has(b"GDA2") for layer in self.layers)

    def lowest(self, count: int) -> CommitGraph:
        """Only the layers that hold the first `count` positions."""
        wanted = bisect.bisect_left(self.starts, count)
        return CommitGraph(self.layers[: max(1, wanted)])

    def oid(self, position: int) -> bytes:
        layer, at = self._at(position)
        return layer.oid(at)

    def oids(self, positions: Iterable[int]) -> list[bytes]:
        """Of many commits."""
        if len(self.layers) == 1:
            layer, size = self.layers[0], self.hash_size
            start, descriptor = layer._oids, layer.descriptor  # noqa: SLF001 -- the same file
            return [os.pread(descriptor, size, start + position * size) for position in positions]
        return [self.oid(position) for position in positions]

    def date(self, position: int) -> int:
        layer, at = self._at(position)
        return layer.date(at)

    def find(self, oid: bytes) -> int | None:
        """The position of a commit; None for one that no layer holds."""
        for layer, start in zip(self.layers, self.starts, strict=False):
            at = layer.find(oid)
            if at is not None:
                return int(start + at)
        return None

    def beginning_with(self, prefix: str) -> Iterator[tuple[int, bytes]]:
        """(position, oid) of the commits whose oid begins with `prefix` (lower-case hex)."""
        low = bytes.fromhex(prefix + "0" * (len(prefix) % 2))
        for layer, start in zip(self.layers, self.starts, strict=False):
            for at in range(layer.bisect(low), layer.count):
                oid = layer.oid(at)
                if not oid.hex().startswith(prefix):
                    break
                yield start + at, oid

    def _at(self, position: int) -> tuple[Layer, int]:
        number = bisect.bisect_right(self.starts, position) - 1
        if not 0 <= position < self.count:
            raise CommitGraphError("a commit is beyond the end of the commit-graph")
        return self.layers[number], position - self.starts[number]


def chain_of(path: Path) -> list[str]:
    """The checksums of the split layers, the base layer first; nothing where there are none."""
    try:
        chain = (path / "objects" / "info" / "commit-graphs" / "commit-graph-chain").read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return chain if len(chain) <= _MOST_LAYERS and all(name.isalnum() for name in chain) else []


def _folders(path: Path) -> Iterator[Path]:
    """Where layers may be: in the repository, and where it borrows objects from (gitrepository-layout(5))."""
    objects = path / "objects"
    yield objects / "info" / "commit-graphs"
    try:
        alternates = (objects / "info" / "alternates").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return
    for line in alternates:
        if line and not line.startswith("#"):
            yield objects / line / "info" / "commit-graphs"


def _layer_file(folders: Sequence[Path], checksum: str) -> Path:
    name = f"graph-{checksum}.graph"
    return next((folder / name for folder in folders if (folder / name).exists()), folders[0] / name)
