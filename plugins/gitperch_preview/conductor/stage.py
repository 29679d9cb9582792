"""What all branches with an app share."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitperch_preview import recipes
from gitperch_preview.conductor.news import News
from gitperch_preview.conductor.records import Gone
from gitperch_preview.contract import Deployment, RunnerError
from gitperch_preview.vault.service import deployment as owner_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.records import Record, Records
    from gitperch_preview.conductor.room import Room
    from gitperch_preview.conductor.slots import Slots
    from gitperch_preview.contract import Place, Recipe, Runner, Running
    from gitperch_preview.hosts import Hosts
    from gitperch_preview.logs import Logs
    from gitperch_preview.vault import Vault

log = logging.getLogger("gitperch.preview")

NEEDS = "It needs a value for"
DRAIN_LOOKS = 30
DRAIN_SECONDS = 3.0  # that requests to an old version have to come to their end


@dataclass
class Stage:
    """One per server."""

    host: Host
    hosts: Hosts
    records: Records
    runners: Mapping[str, Runner]
    logs: Logs
    vault: Vault
    slots: Slots
    room: Room
    folder: Path
    news: News = field(default_factory=News)
    look: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the clock has something new to look at."""
    branches: dict[tuple[int, str], Branch] = field(default_factory=dict)
    retiring: set[int] = field(default_factory=set)
    """Deployments that are over, and whose things go in a moment."""
    secrets: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """By deployment: of those that were started, or whose logs were read, since this server was."""
    closing: bool = False

    def runner(self, record: Record) -> Runner:
        return self.runners[record.runner]

    async def deployment(self, record: Record, recipe: Recipe) -> Deployment:
        """What a runner needs to know, with the settings of now. Raises Gone, and RunnerError where a setting is missing."""
        repo = await self.host.repositories.by_id(record.repo_id)
        previews = await self.hosts.previews(repo, [record.branch]) if repo else {}
        if not repo or record.branch not in previews:
            raise Gone
        label = previews[record.branch].label
        url = self.host.config.preview_url(label)
        environment, secrets = await self._environment(record, recipe, url)
        return Deployment(
            id=record.id,
            repository=repo,
            branch=record.branch,
            oid=record.oid,
            label=label,
            url=url,
            recipe=recipe,
            memory=self.memory(recipe),
            environment=environment,
            secrets=secrets,
        )

    def memory(self, recipe: Recipe) -> int:
        """Bytes: what the branch asks for, as far as this server allows it."""
        settings = self.host.config.previews
        return min(recipe.memory, settings.memory_max_bytes) if recipe.memory else settings.memory_bytes

    async def _environment(self, record: Record, recipe: Recipe, url: str) -> tuple[dict[str, str], tuple[str, ...]]:
        def generate(name: str) -> str:
            # Of the branch, so that one that is not trusted learns nothing of the others.
            return self.host.keys.derived(f"preview variable {record.repo_id} {record.branch} {name}")

        kept, secrets = await self.vault.environment(record.repo_id) if record.secrets else ({}, ())
        found = recipes.environment(
            recipe, branch=record.branch, commit=record.oid, url=url, settings=kept, generate=generate
        )
        if found.missing:
            why = (
                ""
                if record.secrets
                else " It gets none of what is set for this repository: its pusher may not write here."
            )
            raise RunnerError(
                f"{NEEDS} {', '.join(found.missing)}: set it in the repository's settings, under Previews.{why}"
            )
        # Those that it was given before are in its log too.
        before = await self.secrets_of(record.repo_id, record.id)
        every = tuple(dict.fromkeys((*before, *secrets, *found.secrets)))
        if every != before:
            self.secrets[record.id] = every
            sealed = await self.vault.pack(record.repo_id, owner_of(record.id), {}, every)
            await self.records.seal(record.id, sealed)
        return found.values, every

    async def secrets_of(self, repo_id: int, deployment_id: int) -> tuple[str, ...]:
        """What no reader of this deployment's log may see. Raises VaultError where that cannot be found out."""
        if deployment_id not in self.secrets:
            sealed = await self.records.sealed(deployment_id)
            _, secrets = await self.vault.unpack(repo_id, owner_of(deployment_id), sealed)
            self.secrets.setdefault(deployment_id, secrets)  # more may have come meanwhile
        return self.secrets[deployment_id]

    def retire(self, record: Record, running: Running | None, place: Place) -> None:
        """End a version that another has replaced, once requests that it has begun to answer had a moment."""

        async def end() -> None:
            for _ in range(DRAIN_LOOKS if running else 0):
                await asyncio.sleep(DRAIN_SECONDS / DRAIN_LOOKS)
                if not place.open:
                    break
            if running:
                await self.runner(record).stop(running)
            await self.discard(record.repo_id, record.id, record.runner)

        self.retiring.add(record.id)
        self.host.tasks.start(f"preview end {record.id}", end)

    async def discard(self, repo_id: int, deployment_id: int, runner: str) -> None:
        """Remove all that was made for a deployment; what cannot be removed now, the next sweep tries again."""
        try:
            if runner in self.runners:
                await self.runners[runner].discard(deployment_id)
        except Exception:
            log.exception("what was made for the preview %d could not be removed", deployment_id)
        finally:
            self.retiring.discard(deployment_id)
            self.logs.rest(repo_id, deployment_id)


def host_name(deployment: Deployment) -> str:
    """What browsers say in `Host`."""
    return urlsplit(deployment.url).netloc
