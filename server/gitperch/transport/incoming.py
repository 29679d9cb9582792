"""What a push has brought, looked at while it lies in quarantine: before any ref moves, and gone again if it is refused.

git-receive-pack(1), "QUARANTINE ENVIRONMENT".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.repositories.quota import folder_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gitperch.git import Git
    from gitperch.transport.hooks_pipe import Command

SECONDS = 300.0
_NAMED = 5
_RATIO = 1032  # deflate makes nothing smaller than this part of what it was (zlib's technical details)


@dataclass(frozen=True)
class LargeFile:
    """`path` is where the history that came has it; "" if nowhere."""

    oid: str
    size: int
    path: str


class Incoming:
    """The objects of one push. `quarantine` is the folder of the objects that came, as the hook has it."""

    def __init__(self, git: Git, path: Path, quarantine: str) -> None:
        self._git = git
        self._path = path
        self._quarantine = quarantine

    def size(self) -> int:
        """Bytes on disk."""
        # Here and now: packs, or fewer files than a thread is worth (receive.unpackLimit).
        return folder_bytes(self._quarantine)

    async def files_above(self, limit: int, commands: Sequence[Command]) -> list[LargeFile]:
        """The first few objects of more than `limit` bytes, with a path for each."""
        if self.size() * _RATIO <= limit:
            return []
        # Without the repository beside it git sees nothing but what came.
        alone = {"GIT_OBJECT_DIRECTORY": self._quarantine}
        arguments = ("cat-file", "--batch-all-objects", "--unordered", "--buffer")
        found: dict[str, int] = {}
        line_format = "--batch-check=%(objectsize) %(objectname)"
        async with self._git.stream(
            *arguments, line_format, path=self._path, environment=alone, timeout=SECONDS
        ) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            async for line in process.stdout:
                size, _, oid = line.decode("ascii").strip().partition(" ")
                if int(size) > limit and len(found) < _NAMED:
                    found[oid] = int(size)
        paths = await self._paths(set(found), commands) if found else {}
        return [LargeFile(oid, size, paths.get(oid, "")) for oid, size in found.items()]

    async def _paths(self, oids: set[str], commands: Sequence[Command]) -> dict[str, str]:
        tips = "".join(f"{command.new}\n" for command in commands if not command.deletes)
        both = {
            "GIT_OBJECT_DIRECTORY": self._quarantine,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._path / "objects"),
        }
        arguments = ("rev-list", "--objects", "--stdin", "--not", "--all")
        paths = {}
        async with self._git.stream(*arguments, path=self._path, environment=both, timeout=SECONDS) as process:
            assert process.stdin  # noqa: S101 -- as above
            assert process.stdout  # noqa: S101
            process.stdin.write(tips.encode("ascii"))
            process.stdin.close()
            async for line in process.stdout:
                oid, _, name = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
                if oid in oids:
                    paths[oid] = name
        return paths
