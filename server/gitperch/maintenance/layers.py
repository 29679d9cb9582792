"""git's commit-graph file: a layer for each burst of pushes, merged when they are many (git-commit-graph(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from gitperch.maintenance.quietly import Quietly

SECONDS = 1800.0
WRITE = ("commit-graph", "write", "--no-progress")
AT_ONCE = {"GIT_PROGRESS_DELAY": "0"}
MANY = 8  # each makes every look-up of a commit a little slower


async def add(git: Quietly, path: Path, oids: Collection[str] = (), told: Callable[[str], None] | None = None) -> None:
    """A layer of what `oids` reach (commits or tags; none: all refs) and no layer has yet; `told` hears git's progress. Raises GitError."""
    # Merging takes those of the small layers on top that together are no smaller than half of the next.
    split = "--split" if count(path) >= MANY else "--split=no-merge"
    stdin = "".join(f"{oid}\n" for oid in oids).encode("ascii")
    which = "--stdin-commits" if oids else "--reachable"
    if told:
        write = (*WRITE[:-1], "--progress", split, which)
        await git.run(*write, path=path, stdin=stdin, timeout=SECONDS, environment=AT_ONCE, told=told)
    else:
        await git.run(*WRITE, split, which, path=path, stdin=stdin, timeout=SECONDS)


def count(path: Path) -> int:
    try:
        return len((path / "objects" / "info" / "commit-graphs" / "commit-graph-chain").read_text("ascii").split())
    except OSError:
        return 0


async def anew(git: Quietly, path: Path) -> None:
    """One layer in the place of all, of what refs reach now: commits that a repack has let go of must not stay. Raises GitError."""
    await git.run(*WRITE, "--split=replace", "--reachable", path=path, timeout=SECONDS)


def lack_paths(path: Path) -> bool:
    """Whether there are layers, and the first does not know which paths its commits changed: then none on top of it does."""
    folder = path / "objects" / "info" / "commit-graphs"
    try:
        first = (folder / "commit-graph-chain").read_text("ascii").split()[0]
        with (folder / f"graph-{first}.graph").open("rb") as file:
            header = file.read(8)
            return b"BDAT" not in file.read(12 * header[6])  # the table of its chunks (gitformat-commit-graph(5))
    except (OSError, IndexError):
        return False


async def with_paths(git: Quietly, path: Path) -> None:
    """One layer in the place of all that knows the paths that each commit changed; those that come on top then will, too.

    A history of one path takes a sixth of the time with it. Raises GitError, also where trees are missing.
    """
    await git.run(*WRITE, "--split=replace", "--reachable", "--changed-paths", path=path, timeout=SECONDS)
