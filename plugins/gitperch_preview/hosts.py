"""Which host name is whose: allocation, look-up and removal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_preview import labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitperch.db import Database, Row, Transaction
    from gitperch.repositories import Repository

_BATCH = 200  # rows in one transaction, so that others get their turn


@dataclass(frozen=True)
class Preview:
    """What is kept of a branch's preview. `oid` and `state` are the ones last announced."""

    label: str
    branch: str
    oid: str
    state: str


@dataclass(frozen=True)
class Address:
    """What a host name means: a branch, or the beginning of a commit's oid, of a repository with the site label `site`.

    `oid` is what was last announced of a branch: "" where it has just been pushed for the first time. `state` is what is told of it.
    """

    repo_id: int
    site: str
    branch: str | None = None
    commit: str | None = None
    oid: str = ""
    state: str = ""

    @property
    def is_files(self) -> bool:
        """Whether it has been looked at, and is not an app that is on its way."""
        return bool(self.oid) and self.state in ("", "ready")


class Hosts:
    """`reserved` is a host name that no preview may have."""

    def __init__(self, db: Database, domain: str, reserved: str) -> None:
        self._db = db
        self._domain = domain
        self._reserved = reserved

    def label_of(self, hostname: str) -> str | None:
        """The part of `hostname` below the preview domain; None for a name elsewhere."""
        label, dot, domain = hostname.partition(".")
        if dot and domain == self._domain and label:
            return label
        return hostname if hostname.endswith("." + self._domain) else None

    async def find(self, label: str) -> Address | None:
        row = await self._db.row(
            "SELECT h.repo_id, h.branch, h.oid, h.state, s.label AS site FROM preview_hosts h JOIN preview_sites s USING (repo_id)"
            " WHERE h.label = ?",
            (label,),
        )
        if row:
            return Address(row["repo_id"], row["site"], branch=row["branch"], oid=row["oid"], state=row["state"])
        parts = labels.commit_parts(label)
        row = parts and await self._db.row("SELECT repo_id FROM preview_sites WHERE label = ?", (parts[1],))
        return Address(row["repo_id"], parts[1], commit=parts[0]) if row and parts else None

    async def previews(self, repo: Repository, branches: Iterable[str]) -> dict[str, Preview]:
        """Those of `branches` that have a host name, by branch."""
        rows = await self._db.rows(
            "SELECT label, branch, oid, state FROM preview_hosts WHERE repo_id = ?"
            " AND branch IN (SELECT value FROM json_each(?))",
            (repo.id, json.dumps(list(branches))),
        )
        return {row["branch"]: _preview(row) for row in rows}

    async def allocate(self, repo: Repository, branches: Sequence[str]) -> dict[str, Preview]:
        """The previews of `branches`, made where they are missing. Doing it twice is harmless.

        The plain label goes to who comes first; whoever comes later, or loses something in it, gets a hash.
        """
        found = await self.previews(repo, branches)
        missing = sorted({branch for branch in branches if branch not in found})
        for start in range(0, len(missing), _BATCH):
            async with self._db.write() as tx:
                if not await tx.row("SELECT 1 FROM repositories WHERE id = ?", (repo.id,)):
                    return found  # deleted meanwhile
                site = await self._site(tx, repo)
                for branch in missing[start : start + _BATCH]:
                    label = await self._branch(tx, repo, branch, site)
                    found[branch] = Preview(label, branch, "", "")
        return found

    async def site(self, repo: Repository) -> str:
        """The site label of `repo`, made where it is missing."""
        row = await self._db.row("SELECT label FROM preview_sites WHERE repo_id = ?", (repo.id,))
        if row:
            label: str = row["label"]
            return label
        async with self._db.write() as tx:
            if not await tx.row("SELECT 1 FROM repositories WHERE id = ?", (repo.id,)):
                return ""
            return await self._site(tx, repo)

    async def everything(self, repo: Repository) -> dict[str, Preview]:
        """Every branch that has a host name."""
        sql = "SELECT label, branch, oid, state FROM preview_hosts WHERE repo_id = ?"
        return {row["branch"]: _preview(row) for row in await self._db.rows(sql, (repo.id,))}

    async def settle(self, tx: Transaction, repo: Repository, branch: str, oid: str, state: str) -> Preview | None:
        """Note what `branch` shows now; with no `oid` it is gone, and its host name is free. What was kept; None where nothing changed."""
        row = await tx.row(
            "SELECT label, branch, oid, state FROM preview_hosts WHERE repo_id = ? AND branch = ?", (repo.id, branch)
        )
        if not row or (oid and (row["oid"], row["state"]) == (oid, state)):
            return None
        if oid:
            sql = "UPDATE preview_hosts SET oid = ?, state = ? WHERE label = ?"
            await tx.execute(sql, (oid, state, row["label"]))
        else:
            await tx.execute("DELETE FROM preview_hosts WHERE label = ?", (row["label"],))
        return _preview(row)

    async def _site(self, tx: Transaction, repo: Repository) -> str:
        row = await tx.row("SELECT label FROM preview_sites WHERE repo_id = ?", (repo.id,))
        if row:
            label: str = row["label"]
            return label
        for attempt in range(len(labels.HASH_LENGTHS) + 1):
            label = labels.site_label(repo.name, repo.id, attempt)
            if await tx.execute("INSERT OR IGNORE INTO preview_sites VALUES (?, ?)", (repo.id, label)):
                return label
        raise RuntimeError(f"no site label is free for repository {repo.id}")

    async def _branch(self, tx: Transaction, repo: Repository, branch: str, site: str) -> str:
        sql = "SELECT label FROM preview_hosts WHERE repo_id = ? AND branch = ?"
        row = await tx.row(sql, (repo.id, branch))
        if row:
            label: str = row["label"]
            return label
        for attempt in range(len(labels.HASH_LENGTHS) + 1):
            label = labels.branch_label(branch, site, repo.id, attempt)
            if f"{label}.{self._domain}" == self._reserved:
                continue
            if await self._was_anothers(tx, label, repo, site):
                continue
            sql = "INSERT OR IGNORE INTO preview_hosts (label, repo_id, branch) VALUES (?, ?, ?)"
            if await tx.execute(sql, (label, repo.id, branch)):
                whose = (label, repo.id, repo.owner_id, site)
                await tx.execute("INSERT OR REPLACE INTO preview_names VALUES (?, ?, ?, ?)", whose)
                return label
        raise RuntimeError(f"no host name is free for branch {branch!r} of repository {repo.id}")

    @staticmethod
    async def _was_anothers(tx: Transaction, label: str, repo: Repository, site: str) -> bool:
        """Whether browsers may have something under this name that another repository's app has left there."""
        row = await tx.row("SELECT repo_id, owner_id, site FROM preview_names WHERE label = ?", (label,))
        return bool(row and row["repo_id"] != repo.id and (row["owner_id"], row["site"]) != (repo.owner_id, site))


def _preview(row: Row) -> Preview:
    return Preview(row["label"], row["branch"], row["oid"], row["state"])
