"""The row index of a repository: which commit is in which row, its lane, its edges, and the refs.

It is a base, a mapped file with all rows but the newest (`base`), the newest ones in memory (`top`), and the refs. The base's file,
`ID.rows`, is complete in itself: it also has the top and the refs of the moment when it was built. `ID.top` beside it has those of
later. Each is written aside and renamed into place; what is damaged, truncated, of another version or machine, or about layers of
git's commit-graph that are no longer there raises IndexUnusable and is built again.

Commits are called by their height: 0 is the oldest. Rows, which people see, count from the top: row = total - 1 - height.
An index does not change: what is pushed makes another one, which shares the base.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gitperch_graph import sections
from gitperch_graph.base import Base, Edges
from gitperch_graph.commit_graph import CommitGraph, CommitGraphError, Layer
from gitperch_graph.refs import Ref, Refs, RefTable
from gitperch_graph.sections import IndexUnusable
from gitperch_graph.top import Top

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitperch_graph.sections import Sections

MAGIC = b"GPROWS\r\n"
TOP_MAGIC = b"GPTOP\r\n\0"
VERSION = 3


@dataclass(frozen=True)
class RowIndex:
    """An index in use. `generation` changes whenever any answer from it could; `head` is the full name of the default branch
    ("HEAD" when detached, "" for none); `special`: parents are not those of the objects (shallow, grafts, replacements);
    `built` is the number of lanes that the last full layout used."""

    base: Base | None
    top: Top
    refs: Refs
    head: str
    special: bool
    built: int
    generation: str
    sections: Sections | None = None

    @classmethod
    def open(cls, path: Path, repository: Path | None, *, hurried: bool = False) -> RowIndex:
        """Map the index at `path` and check it. Raises IndexUnusable, also for one that is not there.

        Without a `repository` it knows no oids below the top. For the `hurried` rows are checked when they are looked at, and everything
        that looks at some may raise IndexDamaged.
        """
        found = sections.opened(path, MAGIC, VERSION, hurried=hurried)
        try:
            meta = found.meta
            floor, hash_size = meta["floor"], meta["hash_size"]
            table = RefTable.from_parts(found.array, hash_size)
            top = Top.from_parts(floor, hash_size, found.array)
            graph = _graph(path, repository, meta["layers"], meta["own"]) if floor and repository else None
            base = Base(found, graph) if floor else None
            index = cls(base, top, Refs(table), meta["head"], meta["special"], meta["built"], meta["generation"], found)
        except (KeyError, TypeError, ValueError, IndexError):
            raise IndexUnusable(f"{path.name} is damaged") from None
        return index._newest(path, found)

    def _newest(self, path: Path, written: Sections) -> RowIndex:
        """With the top that was written after the base, if there is one that stands on it."""
        file = path.with_suffix(".top")
        try:
            later = sections.opened(file, TOP_MAGIC, VERSION)
            meta = later.meta
            if meta["base"] != written.checksum:
                return self
            moved = {name: Ref(name, *ref) if ref else None for name, ref in meta["moved"].items()}
            top = Top.from_parts(self.top.floor, self.top.hash_size, later.array)
            refs = Refs(self.refs.table, moved)
            return replace(
                self, top=top, refs=refs, head=meta["head"], built=meta["built"], generation=meta["generation"]
            )
        except (IndexUnusable, KeyError, TypeError, ValueError, IndexError):
            return self  # the older one grows again by what the refs have

    def write(self, path: Path) -> None:
        """Put in place what has come since the base was built; all of the index where it has no base."""
        if self.base:
            moved = {name: [ref.target, ref.height] if ref else None for name, ref in self.refs.moved.items()}
            meta = {"base": self.base.checksum, "moved": moved} | self._described
            sections.write(path.with_suffix(".top"), TOP_MAGIC, VERSION, meta, self.top.parts)
        else:
            meta = {"floor": 0, "hash_size": self.hash_size, "layers": [], "own": False} | self._described
            table = RefTable.of(self.refs, self.hash_size)
            sections.write(path, MAGIC, VERSION, meta, self.top.parts | table.parts)
            path.with_suffix(".top").unlink(missing_ok=True)

    @property
    def _described(self) -> dict[str, Any]:
        names = ("head", "special", "built", "generation")
        return {name: getattr(self, name) for name in names}

    def with_table(self) -> RowIndex:
        """The same, with a table of the refs as they are now."""
        return replace(self, refs=Refs(RefTable.of(self.refs, self.hash_size)))

    @property
    def knows_oids(self) -> bool:
        """Whether it was opened together with the commit-graph on which its base stands."""
        return self.base is None or self.base.has_graph

    def stands(self, repository: Path) -> bool:
        """Whether git still has the layers that it refers to. Who has them open goes on reading them when they are gone."""
        if not self.base or not self.base.graph.layers[0].is_gits:
            return True
        try:
            return CommitGraph.open(repository, self.base.graph.checksums) is not None
        except CommitGraphError:
            return False

    @property
    def is_damaged(self) -> bool:
        """Whether somebody has looked at a part of the file that is not as it was written."""
        return bool(self.sections and self.sections.blocks and self.sections.blocks.is_damaged)

    def check(self) -> None:
        """Look at all of the file. Raises IndexDamaged. Takes as long as it takes to read it."""
        if self.sections and self.sections.blocks:
            self.sections.blocks.require_all()
            if self.base:
                self.base.trust()

    @property
    def floor(self) -> int:
        """Rows below are in the base's file, and stay as they are until it is built anew."""
        return self.top.floor

    @property
    def total(self) -> int:
        return self.top.total

    @property
    def lanes(self) -> int:
        return len(self.top.lane_top)

    @property
    def hash_size(self) -> int:
        return self.top.hash_size

    @cached_property
    def pinned(self) -> bool:
        """Whether lane 0 is the default branch's."""
        return self.refs.height(self.head) is not None

    def oid(self, height: int) -> str:
        """In hex."""
        return self.oids(height, height + 1)[0]

    def oids(self, low: int, high: int) -> list[str]:
        """Of heights `low` to `high` - 1, in hex."""
        found = self.base.oids(low, min(high, self.floor)) if self.base else []
        found += [self.top.oid(height) for height in range(max(low, self.floor), min(high, self.total))]
        return [oid.hex() for oid in found]

    def extra(self, name: str, typecode: str) -> memoryview:
        """A section that whoever built the index has added to it. Raises IndexUnusable where there is none."""
        if not self.sections:
            raise IndexUnusable(f"the index has no {name}")
        return self.sections.array(f"extra_{name}", typecode)

    def oids_upwards(self, chunk: int = 4096) -> Iterator[tuple[int, bytes]]:
        """(height of the first, oids one after the other) for all commits, the oldest first. For helper processes."""
        for low in range(0, self.floor, chunk):
            assert self.base  # noqa: S101 -- there are rows in it
            yield low, b"".join(self.base.oids(low, min(low + chunk, self.floor)))
        yield self.floor, self.top.oids

    def proof(self, count: int) -> bytes | None:
        """A digest of the oids at heights 0 to `count` - 1: two indexes with the same have the same commits there.

        There is one for each multiple of 4,096 below `floor`; None for other counts.
        """
        return self.base.proven(count) if self.base else None

    def height(self, oid: str) -> int | None:
        """Of a commit by its whole oid."""
        raw = bytes.fromhex(oid)
        found = self.top.find(raw)
        return found if found is not None or not self.base else self.base.find(raw)

    def find(self, prefix: str) -> list[int]:
        """The heights of the commits whose oid begins with `prefix` (lower-case hex): none, one, or the first two."""
        if len(prefix) == 2 * self.hash_size:
            height = self.height(prefix)
            return [] if height is None else [height]
        if len(prefix) > 2 * self.hash_size:
            return []
        found = []
        for height in self._all_beginning_with(prefix):
            found.append(height)
            if len(found) == 2:
                break
        return found

    def _all_beginning_with(self, prefix: str) -> Iterator[int]:
        yield from self.top.beginning_with(prefix)
        if self.base:
            for position, oid in self.base.graph.beginning_with(prefix):
                height = self.base.height(position, oid)
                if height is not None:
                    yield height

    def date(self, height: int) -> int:
        """The corrected commit date."""
        if height < self.floor:
            assert self.base  # noqa: S101 -- there are rows in it
            return self.base.date(height)
        return self.top.dates[height - self.floor]

    def lane(self, height: int) -> int:
        """In which the commit stands."""
        if height < self.floor:
            assert self.base  # noqa: S101 -- there are rows in it
            return self.base.lane(height)
        return self.top.node_lane[height - self.floor]

    def edges(self, height: int) -> list[tuple[int, int]]:
        """(height of the parent or ABSENT, lane) for each parent, in git's order."""
        row = self.drawn(height, height + 1)[0]
        return list(zip(row.parents, row.lanes, strict=True))

    def drawn(self, low: int, high: int) -> list[Edges]:
        """What is drawn of heights `low` to `high` - 1; much faster than one by one."""
        found = self.base.drawn(low, min(high, self.floor)) if self.base and low < self.floor else []
        for height in range(max(low, self.floor), min(high, self.total)):
            row = self.top.row(height)
            found.append(Edges(row.lane, list(row.parents), list(row.edges)))
        return found

    def children(self, height: int) -> Iterator[int]:
        """The heights of a commit's children, the oldest first. Milliseconds, in a large history."""
        if self.base and height < self.floor:
            yield from self.base.children(height)
        yield from self.top.children(height)

    def passing(self, height: int) -> set[tuple[int, int]]:
        """(lane, height of the parent) of the edges that come down to `height` or pass it from above it."""
        found = self.top.coming_down(height)
        if self.base and height < self.floor:
            found |= self.base.coming_down(height)
        return found


def _graph(path: Path, repository: Path, layers: list[str], own: bool) -> CommitGraph:
    """Raises IndexUnusable."""
    try:
        graph = CommitGraph([Layer(path.with_suffix(".graph"))]) if own else CommitGraph.open(repository, layers)
    except CommitGraphError as error:
        raise IndexUnusable(str(error)) from None
    if not graph or list(graph.checksums) != layers:
        raise IndexUnusable("git's commit-graph is another one")
    return graph


def generation_of(*parts: bytes | str) -> str:
    """A name for a state that was made from `parts`."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
