"""A commit-graph file of our own, in git's form, for a history that git's file does not tell: shallow ones, those with grafts
or replacements, those for which git has written none."""

from __future__ import annotations

import hashlib
import os
import struct
from typing import TYPE_CHECKING

import numpy as np

from gitperch_graph.commit_graph import HIGH_BIT, NO_PARENT, CommitGraph, Layer
from gitperch_graph.history import HIDDEN, Array, corrected, read, taken
from gitperch_graph.lanes import ABSENT
from gitperch_graph.repository import HistoryUnreadable

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.repository import Repository, Tips

_VERSIONS = {20: 1, 32: 2}
_TIME_MASK = (1 << 34) - 1


def from_git(repository: Repository, tips: Tips, path: Path) -> CommitGraph:
    """Ask git for all commits that `tips` reach, and put the file in place at `path`. Raises HistoryUnreadable, CommitGraphError."""
    oids, times, lengths, parents = _listed(repository, tips)
    first = np.zeros(len(oids) + 1, np.uint32)
    np.cumsum(lengths, out=first[1:])
    order = np.argsort(oids).astype(np.uint32)
    edges = np.full(len(parents), ABSENT, np.uint32)
    if len(oids):
        at = np.minimum(np.searchsorted(oids, parents, sorter=order), len(oids) - 1)
        here = oids[order[at]] == parents
        edges[here] = order[at[here]]
    return _written(path, oids, times, first, edges, order)


def with_dates(graph: CommitGraph, path: Path) -> CommitGraph:
    """The same commits with corrected dates, which `graph` lacks, in a file at `path`. Raises CommitGraphError."""
    times, first, edges = read(graph)
    size = graph.hash_size
    oids = np.frombuffer(
        b"".join(data for layer in graph.layers for data in layer.pieces(b"OIDL", size, 1 << 16)), f"S{size}"
    )
    return _written(path, oids, times, first, edges, np.argsort(oids).astype(np.uint32))


def _written(path: Path, oids: Array, times: Array, first: Array, edges: Array, order: Array) -> CommitGraph:
    size = oids.dtype.itemsize
    first, edges = taken(first, edges, order)
    oids, times = oids[order], times[order]
    offsets = corrected(times, first, edges) - (times & _TIME_MASK)
    chunks = {b"OIDF": _fanout(oids), b"OIDL": oids.tobytes()}
    chunks[b"CDAT"], chunks[b"EDGE"] = _commits(size, times, first, edges)
    chunks[b"GDA2"], chunks[b"GDO2"] = _offsets(offsets)
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    aside.write_bytes(_file(size, chunks))
    aside.replace(path)
    return CommitGraph([Layer(path)])


def _listed(repository: Repository, tips: Tips) -> tuple[Array, Array, Array, Array]:
    """(oids, committer times, numbers of parents, all parents' oids one after the other)."""
    oids, times, lengths, parents = bytearray(), [], [], bytearray()
    size = 20
    for oid, time, above in repository.commits(tips):
        size = len(oid)
        oids += oid
        times.append(time)
        lengths.append(len(above))
        for parent in above:
            parents += parent or bytes(size)
    kind = f"V{size}"
    return (
        _sortable(np.frombuffer(oids, kind), size),
        np.array(times, np.int64),
        np.array(lengths, np.int64),
        _sortable(np.frombuffer(parents, kind), size),
    )


def _sortable(oids: Array, size: int) -> Array:
    # Bytes of a fixed length compare as git has them; those that end in zeros, too, since all have the same length.
    return oids.view(f"S{size}")


def _fanout(oids: Array) -> bytes:
    first_bytes = (
        np.frombuffer(oids.tobytes(), np.uint8)[:: oids.dtype.itemsize] if len(oids) else np.empty(0, np.uint8)
    )
    return np.cumsum(np.bincount(first_bytes, minlength=256)).astype(">u4").tobytes()


def _commits(size: int, times: Array, first: Array, edges: Array) -> tuple[bytes, bytes]:
    record = np.dtype([("tree", f"V{size}"), ("one", ">u4"), ("two", ">u4"), ("when", ">u8")])
    commits = np.zeros(len(times), record)
    edges = np.where(edges == ABSENT, HIDDEN, edges)
    lengths = np.diff(first)
    commits["one"] = commits["two"] = NO_PARENT
    commits["one"][lengths > 0] = edges[first[:-1][lengths > 0]]
    commits["two"][lengths == 2] = edges[first[:-1][lengths == 2] + 1]
    commits["when"] = times & _TIME_MASK
    extra: list[int] = []
    for number in np.flatnonzero(lengths > 2).tolist():
        commits["two"][number] = HIGH_BIT | len(extra)
        more = edges[first[number] + 1 : first[number + 1]].tolist()
        extra += [*more[:-1], more[-1] | HIGH_BIT]
    return commits.tobytes(), np.array(extra, ">u4").tobytes()


def _offsets(offsets: Array) -> tuple[bytes, bytes]:
    large = np.flatnonzero(offsets >= HIGH_BIT)
    short = offsets.copy()
    short[large] = np.arange(len(large)) | HIGH_BIT
    return short.astype(">u4").tobytes(), offsets[large].astype(">u8").tobytes()


def _file(size: int, chunks: dict[bytes, bytes]) -> bytes:
    if size not in _VERSIONS:
        raise HistoryUnreadable("git named a commit in a form that is not known here")
    here = {name: data for name, data in chunks.items() if data or name in (b"OIDL", b"CDAT", b"GDA2")}
    head = struct.pack(">4sBBBB", b"CGPH", 1, _VERSIONS[size], len(here), 0)
    at = len(head) + (len(here) + 1) * 12
    table = b""
    for name, data in here.items():
        table += struct.pack(">4sQ", name, at)
        at += len(data)
    content = head + table + struct.pack(">4sQ", b"\0\0\0\0", at) + b"".join(here.values())
    digest = hashlib.sha1(content, usedforsecurity=False) if size == 20 else hashlib.sha256(content)
    return content + digest.digest()
