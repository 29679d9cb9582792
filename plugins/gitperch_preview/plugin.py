"""The plugin: every branch gets a host name, and what its newest commit shows is served there."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gitperch.events import Event, RefsUpdated, RepositoryChanged, RepositoryCreated, RepositoryDeleted
from gitperch.git import refs
from gitperch.plugin import BranchLink, Mode, Plugin
from gitperch_preview import labels, routes, sites
from gitperch_preview.events import PreviewChanged
from gitperch_preview.gateway import Gateway
from gitperch_preview.hosts import Hosts
from gitperch_preview.logs import Logs
from gitperch_preview.logs import routes as log_routes
from gitperch_preview.logs.records import Records
from gitperch_preview.vault import Vault
from gitperch_preview.vault import page as vault_page
from gitperch_preview.vault import routes as vault_routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from gitperch.host import Host
    from gitperch.plugin import Command
    from gitperch.repositories import Repository

LINES = 5  # what a pusher is told; a page has the rest
READY = "ready"
_HEADS = "refs/heads/"
_BATCH = 100


class PreviewPlugin(Plugin):
    """Static previews straight from git objects, at `{branch}-{site}.{preview_domain}` and `{commit}-{site}.{preview_domain}`."""

    name = "preview"
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"
    listens: ClassVar[Mapping[type[Event], Mode]] = {
        RefsUpdated: Mode.LATEST,
        RepositoryCreated: Mode.DURABLE,
        RepositoryChanged: Mode.DURABLE,
        RepositoryDeleted: Mode.DURABLE,
    }

    settings_pages: ClassVar[Mapping[str, str]] = {vault_page.PATH: "Previews"}

    @classmethod
    def commands(cls) -> Sequence[Command]:
        from gitperch_preview.commands import commands

        return commands()

    async def start(self, host: Host) -> None:
        self._host = host
        self.hosts = Hosts(host.db, host.config.preview_domain, host.config.host_name)
        self.gateway = Gateway(host, self.hosts)
        self.vault = Vault(host)
        await self.vault.check()
        self.logs = Logs(host.folder(self.name) / "logs", host.config.previews.log_max_bytes)
        self._settling = asyncio.Lock()
        host.tasks.start("preview logs", self.logs.keep_small, restart=True)
        host.tasks.start("preview hosts", self.rebuild)

    async def closing(self) -> None:
        self.logs.closing = True
        self.gateway.close()

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *routes.routes(self._host, self.hosts, self.gateway),
            *log_routes.routes(self._host, self.logs, Records(self._host.db, self.vault)),
            *vault_routes.routes(self._host, self.vault),
            *vault_page.routes(self.vault),
        ]

    async def site(self, hostname: str) -> ASGIApp | None:
        label = self.hosts.label_of(hostname)
        return functools.partial(self.gateway.serve, label) if label else None

    async def handle(self, event: Event) -> None:
        self.gateway.forget(event.repo_id)
        repo = await self._host.repositories.by_id(event.repo_id)
        if not repo:
            await self.logs.remove_all(event.repo_id)  # its host names went with it
            return
        if isinstance(event, RefsUpdated):
            await self._settle(repo, [branch for branch, _ in event.branches()])
        elif isinstance(event, RepositoryCreated):
            await self.hosts.site(repo)

    async def rebuild(self) -> None:
        """Make whole what is missing: branches that moved before this plugin was here, or while it was away."""
        for repo in await self._host.repositories.everything():
            await self.hosts.site(repo)
            tips = await asyncio.to_thread(refs.snapshot, repo.path)
            here = {name.removeprefix(_HEADS): oid for name, oid in tips.items() if _is_branch(name)}
            known = await self.hosts.everything(repo)
            await self._settle(
                repo, [b for b in here | known if b not in known or b not in here or known[b].oid != here[b]]
            )

    async def remote_lines(self, event: RefsUpdated) -> Sequence[str]:
        branches = [branch for branch, change in event.branches() if change.new]
        repo = await self._host.repositories.by_id(event.repo_id) if branches else None
        if not repo:
            return ()
        shown = branches[:LINES]
        previews = await self.hosts.allocate(repo, shown)
        self.gateway.forget_missing()
        lines = [f"Preview  {self._url(previews[branch].label)}" for branch in shown if branch in previews]
        if len(branches) > LINES:
            more = f"{self._host.config.base_url}/{repo.full_name}/branches"
            lines.append(f"         and {len(branches) - LINES} more: {more}")
        return lines

    async def branch_links(self, repository: Repository, branches: Sequence[str]) -> Mapping[str, BranchLink]:
        previews = await self.hosts.previews(repository, branches)
        return {
            branch: BranchLink("Preview", self._url(preview.label), preview.state or None)
            for branch, preview in previews.items()
        }

    async def commit_link(self, repository: Repository, oid: str) -> BranchLink | None:
        """Where the commit has something to show. That a ref leads to it is looked at when somebody goes there."""
        (state,) = await self._host.git.read(repository.path, sites.states, [oid])
        if not state:
            return None
        return BranchLink("Preview", self._url(labels.commit_label(oid, await self.hosts.site(repository))), READY)

    def _url(self, label: str) -> str:
        return self._host.config.preview_url(label)

    async def _settle(self, repo: Repository, branches: Sequence[str]) -> None:
        """Bring host names and states of `branches` to what their refs say now, and tell what changed."""
        # In turn, so that an older look at a ref never comes after a newer one.
        async with self._settling:
            for start in range(0, len(branches), _BATCH):
                await self._settle_some(repo, branches[start : start + _BATCH])

    async def _settle_some(self, repo: Repository, branches: Sequence[str]) -> None:
        tips = refs.read(repo.path, [_HEADS + branch for branch in branches])
        here = {name.removeprefix(_HEADS): oid for name, oid in tips.items()}
        await self.hosts.allocate(repo, list(here))
        self.gateway.forget_missing()
        states = await self._host.git.read(repo.path, sites.states, list(here.values()))
        now = {branch: (oid, READY if state else "") for (branch, oid), state in zip(here.items(), states, strict=True)}
        told: list[PreviewChanged] = []
        async with self._host.db.write() as tx:
            for branch in branches:
                oid, state = now.get(branch, ("", ""))
                before = await self.hosts.settle(tx, repo, branch, oid, state)
                if before is None or not (before.state or state or not oid):
                    continue  # as it was, or nothing to show then and now
                url = self._url(before.label) if oid else ""
                told.append(
                    await self._host.events.record(
                        PreviewChanged(repo_id=repo.id, branch=branch, state=state, url=url), tx
                    )
                )
        self._host.events.wake(*told)


def _is_branch(name: str) -> bool:
    return name.startswith(_HEADS) and name.isprintable()
