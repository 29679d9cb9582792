"""The plugin: every branch gets a host name, and what its newest commit shows is served there."""

from __future__ import annotations

import asyncio
import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from gitperch.errors import AppError
from gitperch.events import Event, RefsUpdated, RepositoryChanged, RepositoryCreated, RepositoryDeleted
from gitperch.git import refs
from gitperch.plugin import BranchLink, Mode, Plugin, Tab
from gitperch_preview import labels, routes, sites
from gitperch_preview.conductor import api, following
from gitperch_preview.conductor.following import Told
from gitperch_preview.conductor.service import AT_ONCE, Conductor, Pushed
from gitperch_preview.events import EnvironmentChanged, PreviewChanged
from gitperch_preview.gateway import Gateway
from gitperch_preview.hosts import Hosts, Preview
from gitperch_preview.keep import Kept
from gitperch_preview.logs import Logs
from gitperch_preview.logs import routes as log_routes
from gitperch_preview.logs.records import Records
from gitperch_preview.pages import routes as pages
from gitperch_preview.pages.store import Store
from gitperch_preview.pages.words import PATH, address
from gitperch_preview.runners.docker import DockerRunner
from gitperch_preview.runners.process import ProcessRunner
from gitperch_preview.vault import Vault
from gitperch_preview.vault import page as vault_page
from gitperch_preview.vault import routes as vault_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from gitperch.host import Host
    from gitperch.plugin import Command
    from gitperch.repositories import Repository
    from gitperch_preview.contract import Recipe, Runner

log = logging.getLogger("gitperch.preview")

LINES = 5  # what a pusher is told; a page has the rest
READY = "ready"
_HEADS = "refs/heads/"
_BATCH = 100
_SAID_SECONDS = 30.0
_UNSEEN = "?"  # in place of a commit: pushed before there were apps


class PreviewPlugin(Plugin):
    """Previews at `{branch}-{site}.{preview_domain}`, files straight from git objects or an app that runs; of a commit's files at
    `{commit}-{site}.{preview_domain}`."""

    name = "preview"
    migrations: ClassVar[Path | None] = Path(__file__).parent / "migrations"
    listens: ClassVar[Mapping[type[Event], Mode]] = {
        RefsUpdated: Mode.LATEST,
        RepositoryCreated: Mode.DURABLE,
        RepositoryChanged: Mode.DURABLE,
        RepositoryDeleted: Mode.DURABLE,
        EnvironmentChanged: Mode.DURABLE,
    }

    settings_pages: ClassVar[Mapping[str, str]] = {vault_page.PATH: "Previews"}

    @classmethod
    def commands(cls) -> Sequence[Command]:
        from gitperch_preview.commands import commands

        return commands()

    async def doctor(self, host: Host) -> Sequence[str]:
        from gitperch_preview.checkup import lines

        return await lines(host)

    async def start(self, host: Host) -> None:
        self._host = host
        self.hosts = Hosts(host.db, host.config.preview_domain, host.config.host_name)
        self.gateway = Gateway(host, self.hosts)
        self.vault = Vault(host)
        await self.vault.check()
        self.logs = Logs(host.folder(self.name) / "logs", host.config.previews.log_max_bytes)
        self._store = Store(host.db)
        self._settling = asyncio.Lock()
        self._said: Kept[int, tuple[list[Told], list[str]]] = Kept(100, _SAID_SECONDS)
        folder = host.folder(self.name)
        process, docker = ProcessRunner(host, folder / "process"), DockerRunner(host, folder / "docker")
        turn = asyncio.Lock()
        process.beside(docker.most_written, turn)
        docker.beside(process.most_written, turn)
        runners: dict[str, Runner] = {"process": process, "docker": docker}
        self.conductor = Conductor(host, self.hosts, runners, self.logs, self.vault)
        await self.conductor.start()
        self.gateway.places = self.conductor
        host.tasks.start("preview hosts", self.rebuild)
        host.tasks.start("preview logs", self.logs.keep_small, restart=True)

    async def stop(self) -> None:
        await self.conductor.stop()

    async def closing(self) -> None:
        self.logs.closing = True
        self.gateway.close()
        await self.conductor.closing()

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *routes.routes(self._host, self.hosts, self.gateway),
            *log_routes.routes(self._host, self.logs, Records(self._host.db, self.vault)),
            *vault_routes.routes(self._host, self.vault),
            *vault_page.routes(self.vault),
            *api.routes(self._host, self.conductor),
            *pages.routes(self._host, self.conductor, self._store, self.gateway.door.shares),
        ]

    async def tabs(self, repository: Repository) -> Sequence[Tab]:
        return [Tab(PATH, "Previews")] if self._store.any(repository.id) else []

    async def site(self, hostname: str) -> ASGIApp | None:
        label = self.hosts.label_of(hostname)
        return functools.partial(self.gateway.serve, label) if label else None

    async def handle(self, event: Event) -> None:
        if isinstance(event, EnvironmentChanged):
            await self.conductor.restart_all(event.repo_id)
            return
        self.gateway.forget(event.repo_id)
        repo = await self._host.repositories.by_id(event.repo_id)
        if not repo:
            await self.conductor.drop_repository(event.repo_id)  # its host names went with it
        elif isinstance(event, RefsUpdated):
            await self._settle(repo, [branch for branch, _ in event.branches()], event.actor, event.source)
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
                repo,
                [b for b in here | known if b not in known or b not in here or known[b].oid != here[b]],
                waiting=[b for b in known if known[b].oid == _UNSEEN],
            )

    async def remote_lines(self, event: RefsUpdated) -> Sequence[str]:
        told, more = await self._pushed(event)
        lines = [line for each in told if each.recipe.kind == "static" for line in following.files(each)]
        return lines if any(each.recipe.kind != "static" for each in told) else lines + more

    async def remote_progress(self, event: RefsUpdated, *, watched: bool) -> AsyncIterator[str] | None:
        told, more = await self._pushed(event)
        apps = [each for each in told if each.recipe.kind != "static"]
        repo = await self._host.repositories.by_id(event.repo_id) if apps else None
        if not repo:
            return None
        seconds = self._host.config.previews.push_seconds if watched else 0.0
        return following.told(self.conductor.stage, repo, apps, more, seconds)

    async def _pushed(self, event: RefsUpdated) -> tuple[list[Told], list[str]]:
        """The first of the branches that a push has brought, and a line about the others. Asked twice for each push."""
        known = self._said.get(event.id)
        if known:
            return known
        moved = {branch: change.new for branch, change in event.branches() if change.new}
        repo = await self._host.repositories.by_id(event.repo_id) if moved else None
        if not repo:
            return [], []
        shown = {branch: moved[branch] for branch in sorted(moved, key=lambda branch: branch != repo.head)[:LINES]}
        previews, recipes = await asyncio.gather(
            self.hosts.allocate(repo, list(shown)),
            asyncio.gather(*(self.conductor.recipe(repo, oid) for oid in shown.values())),
        )
        self.gateway.forget_missing()
        told = [
            Told(branch, oid, self._url(previews[branch].label), recipe)
            for (branch, oid), recipe in zip(shown.items(), recipes, strict=True)
            if branch in previews
        ]
        page = f"{self._host.config.base_url}/{repo.full_name}/branches"
        more = [f"         and {len(moved) - LINES} more: {page}"] if len(moved) > LINES else []
        return self._said.put(event.id, (told, more))

    async def branch_links(self, repository: Repository, branches: Sequence[str]) -> Mapping[str, BranchLink]:
        previews = await self.hosts.previews(repository, branches)
        return {
            branch: BranchLink(
                "Preview", self._url(preview.label), preview.state or None, self._about(repository, preview)
            )
            for branch, preview in previews.items()
        }

    async def commit_link(self, repository: Repository, oid: str) -> BranchLink | None:
        """Where the commit has something to show. That a ref leads to it is looked at when somebody goes there."""
        (state,) = await self._host.git.look_up(repository.path, sites.states, [oid])
        if not state:
            return None
        return BranchLink("Preview", self._url(labels.commit_label(oid, await self.hosts.site(repository))), READY)

    @staticmethod
    def _about(repository: Repository, preview: Preview) -> str:
        return address(repository, preview.branch) if preview.state else ""

    def _url(self, label: str) -> str:
        return self._host.config.preview_url(label)

    async def _settle(
        self,
        repo: Repository,
        branches: Sequence[str],
        actor: str = "",
        source: str = "reconciliation",
        waiting: Collection[str] = (),
    ) -> None:
        """Bring host names, states and apps of `branches` to what their refs say now, and tell what changed.

        Apps of those that are `waiting` start with their first visitor.
        """
        # In turn, so that an older look at a ref never comes after a newer one.
        async with self._settling:
            for start in range(0, len(branches), _BATCH):
                some = branches[start : start + _BATCH]
                tips = refs.read(repo.path, [_HEADS + branch for branch in some])
                here = {name.removeprefix(_HEADS): oid for name, oid in tips.items()}
                await self.hosts.allocate(repo, list(here))
                self.gateway.forget_missing()
                apps = await self._apps(repo, here)
                await self._settle_files(repo, [b for b in some if b not in apps], here)
                many = len(apps) > AT_ONCE
                for branch, recipe in apps.items():
                    eager = branch not in waiting and (not many or branch == repo.head)
                    pushed = Pushed(repo, branch, here[branch], recipe, actor, source, eager=eager)
                    await self.conductor.push(pushed)

    async def _apps(self, repo: Repository, here: Mapping[str, str]) -> dict[str, Recipe]:
        """Those branches whose commits are apps, or would be if there was no problem."""
        found = {}
        for branch, oid in here.items():
            try:
                recipe = await self.conductor.recipe(repo, oid)
            except Exception:
                log.exception("what %s of %s runs cannot be read", branch, repo.full_name)
                continue
            if recipe.kind != "static":
                found[branch] = recipe
        return found

    async def _settle_files(self, repo: Repository, branches: Sequence[str], here: Mapping[str, str]) -> None:
        oids = [here[branch] for branch in branches if branch in here]
        try:
            states = await self._host.git.look_up(repo.path, sites.states, oids) if oids else []
        except AppError:  # a damaged repository: nothing of it can be served
            states = [False] * len(oids)
        shown = dict(zip(oids, states, strict=True))
        told: list[PreviewChanged] = []
        for branch in branches:
            await self.conductor.drop(repo.id, branch)
        async with self._host.db.write() as tx:
            for branch in branches:
                oid = here.get(branch, "")
                state = READY if oid and shown[oid] else ""
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
