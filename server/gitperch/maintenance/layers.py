"""git's commit-graph file: a layer for each burst of pushes, merged when they are many (git-commit-graph(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from gitperch.maintenance.quietly import Quietly

SECONDS = 1800.0
WRITE = ("commit-graph", "write", "--no-progress")
MANY = 8  # each makes every look-up of a commit a little slower


async def add(git: Quietly, path: Path, oids: Collection[str] = ()) -> None:
    """A layer of what `oids` reach (commits or tags; none: all refs) and no layer has yet. Raises GitError."""
    # Merging takes those of the small layers on top that together are no smaller than half of the next.
    split = "--split" if count(path) >= MANY else "--split=no-merge"
    stdin = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    which = "--stdin-commits" if oids else "--reachable"
    await git.run(*WRITE, split, which, path=path, stdin=stdin, timeout=SECONDS)


def count(path: Path) -> int:
    try:
        return len((path / "objects" / "info" / "commit-graphs" / "commit-graph-chain").read_text("ascii").split())
    except OSError:
        return 0


async def anew(git: Quietly, path: Path) -> None:
    """One layer in the place of all, of what refs reach now: commits that a repack has let go of must not stay. Raises GitError."""
    await git.run(*WRITE, "--split=replace", "--reachable", path=path, timeout=SECONDS)
