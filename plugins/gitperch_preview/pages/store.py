"""What the pages read of the records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.pages.words import LABELS, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.db import Database


@dataclass(frozen=True)
class Site:
    """A branch that has something to show. `deployment` is the newest of its app, None where it is files."""

    branch: str
    label: str
    oid: str
    state: str
    deployment: int | None


@dataclass(frozen=True)
class Past:
    """A deployment, with the times (Unix seconds) of its first way to ready. `replaced`: a newer one has its place."""

    id: int
    oid: str
    state: str
    problem: str
    source: str
    actor: str
    runner: str
    created_at: float
    building_at: float | None
    starting_at: float | None
    ready_at: float | None
    ended_at: float | None
    serves: bool
    replaced: bool

    @property
    def story(self) -> str:
        """Its state, and how long its steps took: `Ready, built in 3.2 s, started in 120 ms`."""
        steps = ["Replaced" if self.replaced and self.state == states.STOPPED else LABELS[self.state]]
        if self.building_at and self.starting_at:
            steps.append(f"built in {duration(self.starting_at - self.building_at)}")
        elif self.state == states.FAILED and self.building_at and self.ended_at:
            steps[0] += f" after {duration(self.ended_at - self.building_at)}"
        if self.starting_at and self.ready_at:
            steps.append(f"started in {duration(self.ready_at - self.starting_at)}")
        return ", ".join(steps)


_SITE = (
    "SELECT h.branch, h.label, h.oid, h.state, a.newest AS deployment FROM preview_hosts h"
    " LEFT JOIN preview_apps a USING (repo_id, branch)"
)
_NAMED = "h.repo_id = ?1 AND h.state <> '' AND (?2 = '' OR instr(lower(h.branch), lower(?2)))"


class Store:
    def __init__(self, db: Database) -> None:
        self._db = db

    def any(self, repo_id: int) -> bool:
        """Whether some branch has something to show. Quick: every page of the repository asks."""
        sql = "SELECT 1 FROM preview_hosts WHERE repo_id = ? AND state <> '' LIMIT 1"
        return self._db.peek(sql, (repo_id,)) is not None

    async def sites(self, repo_id: int, head: str, query: str, limit: int, offset: int) -> tuple[Sequence[Site], int]:
        """Branches with something to show and `query` in their names, and how many there are in all: the default branch `head`, then
        apps, the one deployed last first, then files."""
        counted = await self._db.row(
            f"SELECT count(*) AS sites FROM preview_hosts h WHERE {_NAMED}",  # noqa: S608 -- our own text
            (repo_id, query),
        )
        rows = await self._db.rows(
            f"{_SITE} WHERE {_NAMED} ORDER BY h.branch <> ?3, a.newest IS NULL, a.newest DESC, h.branch LIMIT ?4 OFFSET ?5",
            (repo_id, query, head, limit, offset),
        )
        return [Site(**dict(row)) for row in rows], counted["sites"] if counted else 0

    async def site(self, repo_id: int, branch: str) -> Site | None:
        row = await self._db.row(f"{_SITE} WHERE h.repo_id = ? AND h.branch = ? AND h.state <> ''", (repo_id, branch))
        return Site(**dict(row)) if row else None

    async def deployments(self, repo_id: int, branch: str, limit: int) -> Sequence[Past]:
        """The last ones of a branch, the newest first."""
        rows = await self._db.rows(
            "SELECT d.id, d.oid, d.state, d.problem, d.source, d.actor, d.runner, d.created_at, d.building_at, d.starting_at, d.ready_at,"
            " d.ended_at, d.id IS a.serving AND d.state = 'ready' AS serves, d.id < a.newest AS replaced FROM preview_deployments d"
            " JOIN preview_apps a USING (repo_id, branch) WHERE d.repo_id = ? AND d.branch = ? ORDER BY d.id DESC LIMIT ?",
            (repo_id, branch, limit),
        )
        return [Past(**dict(row) | {"serves": bool(row["serves"]), "replaced": bool(row["replaced"])}) for row in rows]
