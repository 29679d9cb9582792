"""A branch's preview as pages show it: what is kept of it, and what it does this moment."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.git import objects
from gitperch_preview.conductor import api
from gitperch_preview.pages.words import EXPLAINED, FILES, LABELS, actions, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.service import Conductor
    from gitperch_preview.pages.store import Site
    from gitperch_preview.pages.words import Action

MEMORY_SECONDS = 0.4  # a page does not wait longer for an engine; it asks again when it is there
_BEHIND = ("queued", "building", "starting", "failed")


@dataclass(frozen=True)
class Shown:
    """`state`, `problem` and `oid` are of the newest commit. `serving` is the commit that answers if `runs`, and does when it is woken
    otherwise; "" where there is none. `memory` in bytes, None where nothing runs or where that is not known soon. `since` is when it was
    deployed, in Unix seconds, None for files."""

    branch: str
    url: str
    state: str
    oid: str
    subject: str
    is_app: bool = False
    problem: str = ""
    deployment: int = 0
    since: float | None = None
    by: str = ""
    serving: str = ""
    runs: bool = False
    runner: str = ""
    isolation: str = ""
    memory: int | None = None
    visited_at: float | None = None

    @property
    def label(self) -> str:
        return LABELS[self.state]

    @property
    def explained(self) -> str:
        """A sentence about its state."""
        return EXPLAINED.get(self.state, "") if self.is_app else FILES

    @property
    def earlier(self) -> str:
        """The commit of an earlier version that stands in meanwhile; "" where it is the newest, or none."""
        return self.serving if self.state in _BEHIND and self.serving != self.oid else ""

    @property
    def actions(self) -> tuple[Action, ...]:
        return actions(self.state, serves=self.runs) if self.is_app else ()

    @property
    def weight(self) -> str:
        """What memory it takes, in words."""
        if self.memory is not None:
            return megabytes(self.memory)
        return "–" if self.runs else "no memory"

    @property
    def address(self) -> str:
        """The address as people say it."""
        return self.url.partition("://")[2].rstrip("/")

    @property
    def seen(self) -> str:
        """Differs when what a page shows of it does."""
        rough = (self.memory or 0) >> 20, int(self.visited_at or 0) // 10
        told = (self.url, self.state, self.oid, self.problem, self.deployment, self.serving, self.runs, *rough)
        return f"{zlib.crc32(repr(told).encode('utf-8', 'replace')):x}"


async def shown(host: Host, conductor: Conductor, repo: Repository, sites: Sequence[Site]) -> Sequence[Shown]:
    """The same branches, in the same order."""
    branches = {branch.name: branch for branch in conductor.of(repo.id)}
    titles = await titles_of(host, repo, (site.oid for site in sites))
    return await asyncio.gather(
        *(_one(host, conductor, site, branches.get(site.branch), titles.get(site.oid, "")) for site in sites)
    )


async def _one(host: Host, conductor: Conductor, site: Site, branch: Branch | None, title: str) -> Shown:
    url = host.config.preview_url(site.label)
    if not branch:
        state = site.state if site.state in LABELS else "ready"
        return Shown(site.branch, url, state, site.oid, title)
    place, newest = branch.place, branch.newest
    return Shown(
        site.branch,
        url,
        place.state,
        newest.oid,
        title if newest.oid == site.oid else "",
        is_app=True,
        problem=place.problem,
        deployment=newest.id,
        since=newest.created_at,
        by=newest.actor,
        serving=branch.serving.oid if branch.serving and branch.serving.state not in ("failed", "stopped") else "",
        runs=branch.running is not None,
        runner=newest.runner,
        isolation=await conductor.isolation(newest.runner),
        memory=await api.memory(branch, MEMORY_SECONDS),
        visited_at=place.visited_at or None,
    )


async def titles_of(host: Host, repo: Repository, oids: Iterable[str]) -> Mapping[str, str]:
    """The first lines of these commits' messages, those that are there."""
    return await host.git.look_up(repo.path, _titles, tuple({oid for oid in oids if len(oid) >= 40}))


def _titles(repository: LibgitRepository, oids: Sequence[str]) -> dict[str, str]:
    found = {}
    for oid in oids:
        try:
            message = objects.read(repository, oid, "commit").partition(b"\n\n")[2]
        except objects.MissingObject:
            continue
        found[oid] = message.strip().partition(b"\n")[0][:1000].decode("utf-8", "replace")
    return found
