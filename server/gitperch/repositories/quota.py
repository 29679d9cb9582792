"""How much a repository holds, and how much more it may take (`git.repository_max_bytes`)."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from gitperch.errors import AppError
from gitperch.words import in_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.db import Database
    from gitperch.repositories.service import Repository

KEPT_SECONDS = 60.0
_KEPT = 1000
_LFS = """SELECT coalesce(sum(o.size), 0) AS bytes FROM lfs_links l JOIN lfs_objects o USING (owner_id, oid)
  WHERE l.repo_id = ?"""


class OverQuota(AppError):
    """The repository, or the disk, has no room for it."""

    status = 507
    code = "over_quota"


class Quota:
    """Counts git's objects as they lie on disk, and the objects of Git LFS."""

    def __init__(self, db: Database, limit: int) -> None:
        """`limit` is in bytes for each repository; 0 means none."""
        self._db = db
        self.limit = limit
        self._counted: dict[int, tuple[tuple[int, int], float, int]] = {}

    async def size(self, repo: Repository) -> int:
        """The bytes that `repo` holds, a push that waits in quarantine included."""
        row = await self._db.row(_LFS, (repo.id,))
        return await self._git_bytes(repo) + (row["bytes"] if row else 0)

    async def require(self, repo: Repository, more: int) -> None:
        """Raises OverQuota where `more` bytes would be too many."""
        if not self.limit:
            return
        held = await self.size(repo)
        if held + more > self.limit:
            raise OverQuota(
                f"{repo.full_name} would hold {in_bytes(held + more)} with this, and may hold {in_bytes(self.limit)}. "
                "Ask whoever runs this server for more (git.repository_max_bytes), or remove what is not needed."
            )

    async def _git_bytes(self, repo: Repository) -> int:
        objects, now = repo.path / "objects", time.monotonic()
        # Packs come into the one folder, and every push's quarantine comes into the other and goes.
        stamp = (_changed(objects), _changed(objects / "pack"))
        known = self._counted.get(repo.id)
        if known and known[0] == stamp and known[1] > now:
            return known[2]
        found = await asyncio.to_thread(folder_bytes, objects)
        if len(self._counted) >= _KEPT:
            self._counted.clear()
        self._counted[repo.id] = (stamp, now + KEPT_SECONDS, found)
        return found


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def folder_bytes(folder: Path | str) -> int:
    """Bytes of all files below `folder`, here and now; what vanishes meanwhile does not count."""
    found = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        found += folder_bytes(entry.path)
                    else:
                        found += entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # repacked, or out of quarantine, between the two calls
    except FileNotFoundError:
        pass
    return found
