"""Share links: whoever has one sees one preview until it ends, account or not.

A link is a record and a signature over its number. It is good as often as somebody opens it, ends at its time, and at once when it is
revoked, when the preview's name goes, or when the person who made it may not read the repository any more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, Conflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.db import Row
    from gitperch.host import Host

SHARE = "/.gitperch/share"
MOST_HOURS = 720
MOST_SHARES = 50  # of one preview at a time
_PURPOSE = "preview share"


@dataclass(frozen=True)
class Share:
    """A link to the preview `label`, made by the person `user_id`. Times in Unix seconds."""

    id: int
    label: str
    repo_id: int
    user_id: int
    created_at: float
    expires_at: float


class Shares:
    def __init__(self, host: Host) -> None:
        self._host = host

    async def make(self, repo_id: int, label: str, user_id: int, hours: object) -> Share:
        """A new link. Raises BadRequest for `hours` out of range, Conflict where there are too many."""
        if isinstance(hours, bool) or not isinstance(hours, int | float) or not 0 < hours <= MOST_HOURS:
            raise BadRequest(f"hours has to be a number above 0, and at most {MOST_HOURS}.", field="hours")
        now = time.time()
        async with self._host.db.write() as tx:
            await tx.execute("DELETE FROM preview_shares WHERE label = ? AND expires_at <= ?", (label, now))
            count = await tx.row("SELECT count(*) AS shares FROM preview_shares WHERE label = ?", (label,))
            if count and count["shares"] >= MOST_SHARES:
                raise Conflict(f"This preview has {MOST_SHARES} share links already; revoke one of them first.")
            until = now + hours * 3600
            sql = "INSERT INTO preview_shares (label, repo_id, user_id, created_at, expires_at) VALUES (?, ?, ?, ?, ?)"
            share_id = await tx.insert(sql, (label, repo_id, user_id, now, until))
        return Share(share_id, label, repo_id, user_id, now, until)

    async def of(self, label: str) -> Sequence[Share]:
        """The links that are good now, the newest first."""
        sql = "SELECT * FROM preview_shares WHERE label = ? AND expires_at > ? ORDER BY id DESC"
        return [_share(row) for row in await self._host.db.rows(sql, (label, time.time()))]

    async def revoke(self, label: str, share_id: int) -> bool:
        """Whether there was one to revoke."""
        async with self._host.db.write() as tx:
            return await tx.execute("DELETE FROM preview_shares WHERE id = ? AND label = ?", (share_id, label)) > 0

    def good(self, label: str, repo_id: int, share_id: int) -> Share | None:
        """The link with this number, if it is for this preview and has not ended."""
        row = self._host.db.peek(
            "SELECT * FROM preview_shares WHERE id = ? AND label = ? AND repo_id = ? AND expires_at > ?",
            (share_id, label, repo_id, time.time()),
        )
        return _share(row) if row else None

    def url(self, share: Share) -> str:
        key = self._host.keys.sign(_PURPOSE, [share.label, share.id])
        return f"{self._host.config.preview_url(share.label).rstrip('/')}{SHARE}?key={key}"

    def number(self, label: str, key: str) -> int | None:
        """Which link a key is of, if it was signed here, for this preview."""
        value = self._host.keys.verify(_PURPOSE, key, MOST_HOURS * 3600 + 60)
        return value[1] if isinstance(value, list) and value[0] == label else None


def _share(row: Row) -> Share:
    return Share(row["id"], row["label"], row["repo_id"], row["user_id"], row["created_at"], row["expires_at"])
