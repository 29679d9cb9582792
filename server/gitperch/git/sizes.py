"""The sizes of many objects at once, by git itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gitperch.git import Git

SECONDS = 10.0


async def of(git: Git, path: Path, oids: Sequence[str]) -> dict[str, int]:
    """The size in bytes of those objects that are there. Raises GitError."""
    wanted = [oid for oid in dict.fromkeys(oids) if oid.strip("0")]
    if not wanted:
        return {}
    asked = "".join(f"{oid}\n" for oid in wanted).encode()
    output = await git.run("cat-file", "--batch-check=%(objectsize)", path=path, stdin=asked, timeout=SECONDS)
    found = zip(wanted, output.splitlines(), strict=True)
    return {oid: int(line) for oid, line in found if line.isdigit()}
