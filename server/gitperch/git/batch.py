"""Objects by git itself: for what libgit2 cannot open, repositories with SHA-256 object ids, and for many sizes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gitperch.git import Git

SECONDS = 10.0
OUTPUT_LIMIT = 16 << 20


async def fetched(git: Git, path: Path, names: Sequence[str]) -> list[tuple[str, str, bytes] | None]:
    """Oid, type and content of each of `names` (oids, short ones too, with `^{…}` behind them), None for what is not there or not clear.

    Raises GitError, also for more than `OUTPUT_LIMIT` bytes.
    """
    output = await git.run(
        "cat-file", "--batch", path=path, stdin=_lines(names), timeout=SECONDS, max_output=OUTPUT_LIMIT
    )
    found: list[tuple[str, str, bytes] | None] = []
    at = 0
    for _ in names:
        end = output.index(b"\n", at)
        words = output[at:end].decode("utf-8", "surrogateescape").split(" ")
        at = end + 1
        if len(words) != 3 or not words[2].isdigit():
            found.append(None)
            continue
        size = int(words[2])
        found.append((words[0], words[1], output[at : at + size]))
        at += size + 1
    return found


async def sizes_of(git: Git, path: Path, names: Sequence[str]) -> list[int | None]:
    """The size in bytes of each of `names`, None for what is not there. Raises GitError."""
    output = await git.run("cat-file", "--batch-check=%(objectsize)", path=path, stdin=_lines(names), timeout=SECONDS)
    return [int(line) if line.isdigit() else None for line in output.splitlines()]


async def sizes(git: Git, path: Path, oids: Sequence[str]) -> dict[str, int]:
    """The size in bytes of those objects that are there. Raises GitError."""
    wanted = [oid for oid in dict.fromkeys(oids) if oid.strip("0")]
    found = await sizes_of(git, path, wanted) if wanted else []
    return {oid: size for oid, size in zip(wanted, found, strict=True) if size is not None}


def _lines(names: Sequence[str]) -> bytes:
    if any("\n" in name for name in names):
        raise ValueError("a name with a line break in it")
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
