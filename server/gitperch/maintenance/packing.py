"""The git commands that bring packs into order, by what the version at hand has.

No object is lost to a push under way. Its objects are in a quarantine of their own, which no repack looks into, until its refs are
about to move; from then on they are young. What no ref reaches is kept for two weeks from the last time that git wrote or met it:
in a cruft pack, or loose where git has none. A reader that has a pack open goes on reading it after it was replaced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.maintenance.inventory import Pack
    from gitperch.maintenance.quietly import Quietly

SECONDS = 7200.0
KEPT = "2.weeks.ago"  # gc.pruneExpire's own default
GEOMETRIC = (2, 32)
BITMAPS_OF_MANY = (2, 34)
CRUFT = (2, 37)


class Packing:
    """Raises GitError everywhere where git fails; the packs that were there are then there still."""

    def __init__(self, git: Quietly) -> None:
        self._git = git
        self._version: tuple[int, int] | None = None

    async def fully(self, path: Path) -> None:
        """All that refs reach in one pack with a bitmap; the rest out of it, and gone when it is old enough."""
        if await self._has(CRUFT):
            await self._repack(path, "--cruft", f"--cruft-expiration={KEPT}", "--write-bitmap-index")
        else:
            await self._repack(path, "-A", f"--unpack-unreachable={KEPT}", "--write-bitmap-index")
            await self._git.run("prune", f"--expire={KEPT}", path=path, timeout=SECONDS)

    async def roll_up(self, path: Path, stays: Pack | None, *, bitmap: bool) -> None:
        """Loose objects and small packs in packs that each hold at least twice as many objects as the next; `stays` as it is.

        With `bitmap`, a multi-pack-index with a bitmap over all of them, where git has that.
        """
        if not await self._has(GEOMETRIC):
            await self._repack(path, "--no-write-bitmap-index")
            return
        options = ["--geometric=2", *([f"--keep-pack={stays.path.name}"] if stays else [])]
        if bitmap and await self._has(BITMAPS_OF_MANY):
            options += ["--write-midx", "--write-bitmap-index"]
        else:
            options.append("--no-write-bitmap-index")
        await self._repack(path, *options)

    async def write_bitmap(self, path: Path, pack: Pack) -> None:
        """A bitmap for a pack as it is; nothing where git can only make one with a new pack."""
        if await self._has(BITMAPS_OF_MANY):
            # A multi-pack-index of one: of more, it would have to be written anew whenever one of them is rolled up.
            write = ("multi-pack-index", "write", "--bitmap", "--stdin-packs", "--no-progress")
            stdin = f"{pack.path.with_suffix('.idx').name}\n".encode()
            await self._git.run(*write, path=path, stdin=stdin, timeout=SECONDS)

    async def refs(self, path: Path) -> None:
        """One file for all refs that are loose."""
        await self._git.run("pack-refs", "--all", path=path, timeout=SECONDS)

    async def _repack(self, path: Path, *options: str) -> None:
        await self._git.run("repack", "-d", "-l", "-n", "--quiet", *options, path=path, timeout=SECONDS)

    async def _has(self, version: tuple[int, int]) -> bool:
        if not self._version:
            found = re.search(rb"(\d+)\.(\d+)", await self._git.run("version"))
            self._version = (int(found[1]), int(found[2])) if found else (0, 0)
        return self._version >= version
