"""What git leaves behind when it is killed: half-written packs, quarantines of pushes that never ended, locks that nobody holds."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = 86400.0
_HALF_WRITTEN = ("tmp_", ".tmp-")
_QUARANTINES = ("incoming-", "tmp_objdir-")
# git's word in the .keep file of a pack that is just arriving
_ARRIVING = (b"receive-pack ", b"fetch-pack ")


def remove(path: Path, *, since: float | None = None) -> int:
    """Remove leftovers that are older than a day; how many there were.

    With `since` (Unix seconds), half-written packs of that time and later go too: a repack began then, and has ended.
    """
    now, removed = time.time(), 0
    for name, modified in _leftovers(path):
        ours = since is not None and modified >= since and name.parent.name == "pack" and name.suffix != ".lock"
        if modified < now - DAY or ours:
            if name.is_dir():
                shutil.rmtree(name, ignore_errors=True)
            else:
                name.unlink(missing_ok=True)
            removed += 1
    return removed


def _leftovers(path: Path) -> Iterator[tuple[Path, float]]:
    """Everything that may be one, with the time of its last change."""
    objects = path / "objects"
    for folder, folders, files in os.walk(path):
        here = path / folder
        if here == objects:
            for name in [name for name in folders if name.startswith(_QUARANTINES)]:
                folders.remove(name)
                yield here / name, (here / name).stat().st_mtime
        for name in files:
            if (
                name.endswith(".lock")
                or (name.startswith(_HALF_WRITTEN) and objects in here.parents)
                or (name.endswith(".keep") and here == objects / "pack" and _is_arriving(here / name))
            ):
                yield from _dated(here / name)


def _dated(file: Path) -> Iterator[tuple[Path, float]]:
    try:
        yield file, file.stat().st_mtime
    except FileNotFoundError:
        return


def _is_arriving(file: Path) -> bool:
    try:
        return file.read_bytes().startswith(_ARRIVING)
    except FileNotFoundError:
        return False
