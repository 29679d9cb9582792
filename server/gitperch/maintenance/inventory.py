"""What lies in a repository's object store, counted from file names and a kilobyte of each index: milliseconds, no git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitperch.git import pack_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Pack:
    """`path` ends in `.pack`, `size` is in bytes; the rest says which files lie beside it."""

    path: Path
    size: int
    objects: int
    kept: bool
    cruft: bool
    promised: bool
    bitmap: bool


@dataclass(frozen=True)
class Inventory:
    """`packs` are the ordinary ones, the largest first; kept ones are a push's that is just arriving."""

    packs: tuple[Pack, ...]
    others: tuple[Pack, ...]
    loose: int
    loose_refs: int
    midx_bitmap: bool

    @cached_property
    def objects(self) -> int:
        """Objects that a full repack reads, but for those in cruft packs."""
        return self.loose + sum(pack.objects for pack in self.packs)

    @cached_property
    def size(self) -> int:
        """Bytes of the ordinary packs."""
        return sum(pack.size for pack in self.packs)

    @property
    def promised(self) -> bool:
        """Whether objects are left out on purpose, to be had from somewhere else (a partial clone)."""
        return any(pack.promised for pack in self.others)

    @property
    def has_bitmap(self) -> bool:
        return self.midx_bitmap or any(pack.bitmap for pack in self.packs)


def taken(path: Path) -> Inventory:
    """The inventory of the bare repository at `path`. Raises OSError where there is none."""
    packs = sorted(_packs(path / "objects" / "pack"), key=lambda pack: (-pack.objects, pack.path.name))
    ordinary = tuple(pack for pack in packs if not (pack.kept or pack.cruft or pack.promised))
    others = tuple(pack for pack in packs if pack not in ordinary)
    loose_refs = sum(len(files) for _, _, files in os.walk(path / "refs"))
    return Inventory(
        ordinary, others, _loose(path / "objects"), loose_refs, _has_midx_bitmap(path / "objects" / "pack")
    )


def _has_midx_bitmap(folder: Path) -> bool:
    """Whether the multi-pack-index has the bitmap that is named by its checksum."""
    for bitmap in folder.glob("multi-pack-index-*.bitmap"):
        checksum = bytes.fromhex(bitmap.stem.rpartition("-")[2])
        try:
            with (folder / "multi-pack-index").open("rb") as file:
                file.seek(-len(checksum), os.SEEK_END)
                if file.read() == checksum:
                    return True
        except OSError:
            continue
    return False


def _packs(folder: Path) -> Iterator[Pack]:
    if not folder.exists():
        return
    files = {file.name for file in folder.iterdir() if file.name.startswith("pack-")}
    for name in files:
        stem, dot, suffix = name.rpartition(".")
        if suffix != "pack" or f"{stem}.idx" not in files:
            continue
        try:
            size, objects = (folder / name).stat().st_size, pack_index.count(folder / f"{stem}.idx")
        except FileNotFoundError:
            continue  # repacked by somebody's hand meanwhile
        beside = (f"{stem}{dot}{kind}" in files for kind in ("keep", "mtimes", "promisor", "bitmap"))
        kept, cruft, promised, bitmap = beside
        yield Pack(folder / name, size, objects, kept, cruft, promised, bitmap)


def _loose(objects: Path) -> int:
    folders = [folder for folder in objects.iterdir() if len(folder.name) == 2 and set(folder.name) <= _HEX]
    return sum(1 for folder in folders for entry in os.scandir(folder) if len(entry.name) >= 38)
