"""git's commit-graph files, mapped: the whole shape of a history without opening one object.

The format is gitformat-commit-graph(5): a single file or a chain of split layers, generation numbers version 1 or 2,
SHA-1 or SHA-256. https://git-scm.com/docs/commit-graph-format
"""

from __future__ import annotations

import bisect
import mmap
import struct
import sys
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from gitperch_graph.history import History, corrected

if TYPE_CHECKING:
    from pathlib import Path

_HEADER = struct.Struct(">4sBBBB")
_CHUNK = struct.Struct(">4sQ")
_HASH_SIZES = {1: 20, 2: 32}
_NO_PARENT = 0x70000000
_HIGH_BIT = 0x80000000
_TIME_MASK = (1 << 34) - 1


class CommitGraphError(Exception):
    """A file is not a commit-graph that can be read: of a later version, truncated, or damaged."""


@dataclass(frozen=True)
class _Layer:
    """One file. `oids` is sorted; `commits` is the CDAT chunk; `offsets` are GDA2's, None where there are none."""

    hash_size: int
    oids: memoryview
    commits: memoryview
    edges: array[int]
    offsets: array[int] | None
    large_offsets: array[int]

    @property
    def count(self) -> int:
        return len(self.oids) // self.hash_size

    def oid(self, at: int) -> bytes:
        return self.oids[at * self.hash_size : (at + 1) * self.hash_size].tobytes()


class CommitGraph:
    """The commits of all layers; a commit's position counts through them, the base layer first."""

    def __init__(self, layers: list[_Layer]) -> None:
        self._layers = layers
        self.hash_size = layers[0].hash_size
        self.count = sum(layer.count for layer in layers)

    @classmethod
    def open(cls, path: Path) -> CommitGraph | None:
        """The commit-graph of the bare repository at `path`; None where it has none. Raises CommitGraphError."""
        info = path / "objects" / "info"
        if (info / "commit-graph").exists():
            files = [info / "commit-graph"]
        else:
            try:
                chain = (info / "commit-graphs" / "commit-graph-chain").read_text("ascii").split()
            except (FileNotFoundError, UnicodeDecodeError):
                return None
            files = [info / "commit-graphs" / f"graph-{checksum}.graph" for checksum in chain]
        layers = [_read_layer(file, base) for base, file in enumerate(files)]
        if not layers or len({layer.hash_size for layer in layers}) != 1:
            return None
        return cls(layers)

    def find(self, oid: bytes) -> int | None:
        """The position of a commit; None for one that no layer holds."""
        before = 0
        for layer in self._layers:
            at = bisect.bisect_left(range(layer.count), oid, key=layer.oid)
            if at < layer.count and layer.oid(at) == oid:
                return before + at
            before += layer.count
        return None

    def history(self) -> History:
        """Every commit of every layer, also those that no ref reaches any more. Raises CommitGraphError."""
        dates, first, edges = array("q"), array("I", [0]), array("i")
        with_dates = all(layer.offsets is not None for layer in self._layers)
        for layer in self._layers:
            _read_commits(layer, with_dates, dates, first, edges)
        if edges and max(edges) >= self.count:
            raise CommitGraphError("a commit-graph names parents that it does not hold")
        oids = b"".join(layer.oids for layer in self._layers)
        history = History(self.hash_size, oids, dates, first, edges)
        try:
            return history if with_dates else corrected(history)
        except ValueError as error:
            raise CommitGraphError(str(error)) from None


def _read_commits(layer: _Layer, with_dates: bool, dates: array[int], first: array[int], edges: array[int]) -> None:
    offsets = layer.offsets if with_dates and layer.offsets is not None else array("I", bytes(4 * layer.count))
    try:
        for (one, two, packed), offset in zip(
            struct.iter_unpack(f">{layer.hash_size}xIIQ", layer.commits), offsets, strict=True
        ):
            if offset & _HIGH_BIT:
                dates.append((packed & _TIME_MASK) + layer.large_offsets[offset & ~_HIGH_BIT])
            else:
                dates.append((packed & _TIME_MASK) + offset)
            if one != _NO_PARENT:
                edges.append(one)
                if two & _HIGH_BIT:
                    _read_octopus(layer.edges, two & ~_HIGH_BIT, edges)
                elif two != _NO_PARENT:
                    edges.append(two)
            first.append(len(edges))
    except (IndexError, OverflowError, ValueError, struct.error):
        raise CommitGraphError("a commit-graph's commits do not fit its other chunks") from None


def _read_octopus(extra: array[int], at: int, edges: array[int]) -> None:
    """The second and later parents of an octopus merge, from `at` in EDGE to the entry whose high bit is set."""
    while True:
        entry = extra[at]
        edges.append(entry & ~_HIGH_BIT)
        if entry & _HIGH_BIT:
            return
        at += 1


def _read_layer(file: Path, bases: int) -> _Layer:
    try:
        with file.open("rb") as opened:
            data = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        raise CommitGraphError(f"{file.name} cannot be read") from None
    try:
        magic, version, hash_version, chunk_count, base_count = _HEADER.unpack_from(data)
        if magic != b"CGPH" or version != 1 or hash_version not in _HASH_SIZES or base_count != bases:
            raise CommitGraphError(f"{file.name} is not a commit-graph of version 1")
        table = [_CHUNK.unpack_from(data, _HEADER.size + n * _CHUNK.size) for n in range(chunk_count + 1)]
    except struct.error:
        raise CommitGraphError(f"{file.name} is truncated") from None
    hash_size = _HASH_SIZES[hash_version]
    chunks: dict[bytes, memoryview] = {}
    for (name, start), (_, end) in pairwise(table):
        if not start <= end <= len(data) - hash_size:
            raise CommitGraphError(f"{file.name} is truncated")
        chunks[name] = data[start:end]
    oids, commits = chunks.get(b"OIDL"), chunks.get(b"CDAT")
    if oids is None or commits is None or len(commits) * hash_size != len(oids) * (hash_size + 16):
        raise CommitGraphError(f"{file.name} lacks commits")
    offsets = _big_endian("I", chunks[b"GDA2"]) if b"GDA2" in chunks else None
    return _Layer(
        hash_size,
        oids,
        commits,
        _big_endian("I", chunks.get(b"EDGE", memoryview(b""))),
        offsets,
        _big_endian("Q", chunks.get(b"GDO2", memoryview(b""))),
    )


def _big_endian(typecode: str, data: memoryview) -> array[int]:
    values: array[int] = array(typecode)
    values.frombytes(data[: len(data) // values.itemsize * values.itemsize])
    if sys.byteorder == "little":
        values.byteswap()
    return values
