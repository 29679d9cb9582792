"""The conductor: every branch that needs a process has one, the right one, and no other."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.accounts.access import Viewer
from gitperch.errors import Conflict
from gitperch_preview import recipes
from gitperch_preview.conductor import deploying, recovery, resting, sleeping, states, stored
from gitperch_preview.conductor.branch import DEPLOY, Branch
from gitperch_preview.conductor.clock import Clock
from gitperch_preview.conductor.news import News
from gitperch_preview.conductor.records import Asked, Gone, Records
from gitperch_preview.conductor.room import Room
from gitperch_preview.conductor.slots import Slots
from gitperch_preview.conductor.stage import NEEDS, Stage
from gitperch_preview.contract import Place
from gitperch_preview.keep import Kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.conductor.branch import Step
    from gitperch_preview.conductor.records import Record
    from gitperch_preview.contract import Recipe, Runner, Upstream
    from gitperch_preview.hosts import Hosts
    from gitperch_preview.logs import Logs
    from gitperch_preview.vault import Vault

log = logging.getLogger("gitperch.preview")

CHECK_SECONDS = 3.0
CLOSE_SECONDS = 4.5  # a plugin has five to stop
USABLE_SECONDS = 60.0
RECIPE_SECONDS = 30.0
ONLY_CONTAINERS = "docker-only"  # of the setting previews.runner
AT_ONCE = 8  # new apps in one push that start by themselves; of more, each waits for its first visitor
BURST = 2.0  # pushes that come closer together than this wait
BURST_CALM = 1.0  # so long for the next,
BURST_LONGEST = 15.0  # but not longer than this
_TRUSTED = ("reconciliation", "import")  # by which nothing comes in that a writer, or the operator, did not bring

STEPS: Mapping[str, Step] = {
    "remove": resting.remove,
    "recover": recovery.recover,
    "clear": resting.clear,
    "stop": resting.stop,
    DEPLOY: deploying.deploy,
    "restart": resting.restart,
    "revive": resting.revive,
    "check": resting.check,
    "wake": resting.wake,
    "rest": sleeping.rest,
    "sleep": sleeping.sleep,
}


@dataclass(frozen=True)
class Pushed:
    """A commit that a branch shows now, and where it is from."""

    repo: Repository
    branch: str
    oid: str
    recipe: Recipe
    actor: str = ""
    source: str = "push"
    eager: bool = True
    """Whether it starts by itself; otherwise with its first visitor."""


class Conductor:
    """Implements `contract.Places`, and does what a page and the API ask."""

    def __init__(self, host: Host, hosts: Hosts, runners: Mapping[str, Runner], logs: Logs, vault: Vault) -> None:
        previews, news = host.config.previews, News()
        room = Room(previews.running, news)
        self.stage = Stage(
            host,
            hosts,
            Records(host),
            runners,
            logs,
            vault,
            Slots(previews.builds),
            room,
            host.folder("preview"),
            news,
        )
        self._clock = Clock(self.stage)
        self._recipes: Kept[tuple[int, str], Recipe] = Kept(100, RECIPE_SECONDS)
        self._isolation: dict[str, str] = {}
        self._usable: dict[str, tuple[float, str]] = {}

    async def start(self) -> None:
        """Know every place, so that the gateway may ask; the rest follows in the background."""
        for newest, serving, visited_at in await self.stage.records.apps():
            serving = newest if serving and serving.id == newest.id else serving  # one record, one object
            self._add(newest, serving, visited_at)
        # Wished for before anybody can come who would have them wake: what lives on is to be found first.
        for branch in sorted(
            self.stage.branches.values(), key=lambda one: -max(one.place.visited_at, one.newest.created_at)
        ):
            shown = [record for record in (branch.newest, branch.serving) if record]
            if any(record.state in (*states.UNFINISHED, states.READY) for record in shown):
                branch.wish("recover")
        self._clock.sweep_soon()
        self.stage.host.tasks.start("preview clock", self._clock.run, restart=True)

    async def closing(self) -> None:
        """Whoever waits for a place waits no longer, and what ends from now on is not started again."""
        self.stage.closing = True
        self.stage.news.tell()

    async def stop(self) -> None:
        await self._clock.note()
        await asyncio.gather(*(self._close(runner) for runner in self.stage.runners.values()))

    @staticmethod
    async def _close(runner: Runner) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await runner.close()
        except TimeoutError:
            log.warning("the runner %s did not end all in %s s; the next start does", runner.name, CLOSE_SECONDS)
        except Exception:
            log.exception("the runner %s did not close", runner.name)

    def _add(self, newest: Record, serving: Record | None, visited_at: float) -> Branch:
        place = Place(newest.repo_id, newest.branch, newest.id, newest.state, problem=newest.problem)
        place.visited_at = visited_at
        branch = Branch(self.stage, place, newest, serving, STEPS)
        self.stage.branches[newest.repo_id, newest.branch] = branch
        branch.show()
        return branch

    # What refs do.

    async def push(self, pushed: Pushed) -> None:
        """The branch is at this commit now, which is an app. Doing it twice is harmless."""
        key = (pushed.repo.id, pushed.branch)
        branch = self.stage.branches.get(key)
        if branch and branch.newest.oid == pushed.oid:
            return
        runner, problem = await self._runner(pushed.recipe)
        eager = pushed.eager or bool(branch and branch.running)
        asked = Asked(
            *key,
            pushed.oid,
            runner,
            stored.recipe_text(pushed.recipe),
            state=states.FAILED if problem else states.QUEUED if eager else states.SLEEPING,
            problem=problem,
            source=pushed.source,
            actor=pushed.actor,
            secrets=await self._may_have_secrets(pushed),
        )
        await self._deploy(asked)

    async def _deploy(self, asked: Asked) -> None:
        try:
            record = await self.stage.records.add(asked)
        except Gone:
            return  # deleted meanwhile
        if record.state == states.FAILED:
            await self._refuse(record)
        branch = self.stage.branches.get((asked.repo_id, asked.branch))
        if branch:
            _calm(branch, record)
            branch.pushed(record)
        else:
            branch = self._add(record, None, 0.0)
            branch.pushed(record)
        kept = self.stage.host.config.previews.deployments_kept
        await self._forget(asked.repo_id, await self.stage.records.prune(asked.repo_id, asked.branch, kept))

    async def _refuse(self, record: Record) -> None:
        """What cannot even begin says so in its log, as others do."""
        stage, recipe = self.stage, await self.stage.records.recipe(record.id)
        log = stage.logs.open(record.repo_id, record.id)
        deploying.introduce(log, record.branch, recipe, stage.memory(recipe))
        log.problem(record.problem)
        stage.logs.rest(record.repo_id, record.id)

    async def drop(self, repo_id: int, branch_name: str) -> None:
        """The branch is gone, or has no app any more. Of one that never had an app, this is quick."""
        if (repo_id, branch_name) not in self.stage.branches:
            return
        made = await self.stage.records.forget(repo_id, branch_name)
        branch = self.stage.branches.pop((repo_id, branch_name), None)
        if branch:
            branch.upkeep.leftovers |= made | {one.id: one.runner for one in (branch.newest, branch.serving) if one}
            branch.wish("remove")
        await self._forget(repo_id, made)
        self._clock.sweep_soon()

    async def drop_repository(self, repo_id: int) -> None:
        """The repository is gone."""
        for key in [key for key in self.stage.branches if key[0] == repo_id]:
            await self.drop(*key)
        await self.stage.logs.remove_all(repo_id)
        self._clock.sweep_soon()

    async def _forget(self, repo_id: int, deployment_ids: Iterable[int]) -> None:
        """Nobody asks for these any more."""
        for deployment_id in deployment_ids:
            self.stage.secrets.pop(deployment_id, None)
            await self.stage.logs.remove(repo_id, deployment_id)

    async def _runner(self, recipe: Recipe) -> tuple[str, str]:
        """The name of the runner for a recipe, and a sentence where there is none that can."""
        if recipe.problem:
            return recipe.runner or "process", recipe.problem
        preferred = self.stage.host.config.previews.runner
        if preferred == ONLY_CONTAINERS:
            if recipe.runner == "process":
                return "docker", "This server runs apps in containers only. Take `runner` out of gitperch.toml."
            preferred = "docker"
        wanted = recipe.runner or preferred
        name = wanted or ("docker" if recipe.kind == "image" else "process")
        if name not in self.stage.runners:
            return name, f"The runner {name!r} is not known here. There are: {', '.join(self.stage.runners)}."
        missing = await self.missing(name)
        if missing and not wanted and recipe.kind == "image":
            return name, f"It has a {recipe.dockerfile or 'Dockerfile'}, which needs Docker. {missing}"
        return name, missing

    async def missing(self, runner: str) -> str:
        """ "" where this runner can be used, else a sentence: what it lacks, as of less than a minute ago."""
        at, sentence = self._usable.get(runner, (0.0, ""))
        if time.monotonic() > at + USABLE_SECONDS or not at:
            sentence = await self.stage.runners[runner].usable() if runner in self.stage.runners else "It is not there."
            self._usable[runner] = (time.monotonic(), sentence)
        return sentence

    async def recipe(self, repo: Repository, oid: str) -> Recipe:
        """What to do with a commit. Kept: a push asks twice."""
        known = self._recipes.get((repo.id, oid))
        if known is None:
            containers = "docker" in self.stage.runners and not await self.missing("docker")
            known = await recipes.find(self.stage.host.git, repo.path, oid, containers=containers)
            self._recipes.put((repo.id, oid), known)
        return known

    async def _may_have_secrets(self, pushed: Pushed) -> bool:
        """Secrets are for what somebody has brought who may write here."""
        if not pushed.actor:
            return pushed.source in _TRUSTED
        user = await self.stage.host.people.find(pushed.actor)
        return bool(user) and await self.stage.host.access.may(Viewer(user), pushed.repo, "write")

    # contract.Places

    def find(self, repo_id: int, branch: str) -> Place | None:
        found = self.stage.branches.get((repo_id, branch))
        return found.place if found else None

    async def awake(self, place: Place, seconds: float) -> Upstream | None:
        branch = self.stage.branches.get((place.repo_id, place.branch))
        if not branch or branch.place is not place:
            return None
        if not place.upstream and _sleeps(branch):
            branch.wish("wake")

        def found() -> tuple[Upstream | None] | None:
            if place.upstream or self.stage.closing or not branch.busy:
                return (place.upstream,)
            return None

        answer = await self.stage.news.until(found, seconds)
        return answer[0] if answer else None

    async def unreachable(self, place: Place, upstream: Upstream) -> None:
        branch = self.stage.branches.get((place.repo_id, place.branch))
        if branch and place.upstream == upstream:
            branch.wish("check")
            # Until it is known whether that was an accident: the gateway then waits for the next start, or asks once more.
            await self.stage.news.until(
                lambda: place.upstream != upstream or not branch.wants("check") or None, CHECK_SECONDS
            )

    def tail(self, place: Place, lines: int) -> list[str]:
        secrets = self.stage.secrets.get(place.deployment_id)
        if secrets is None:  # nothing of it was read since the start; they are here in a moment

            async def load() -> None:
                await self.stage.secrets_of(place.repo_id, place.deployment_id)

            self.stage.host.tasks.start(f"preview secrets {place.deployment_id}", load)
            return []
        return self.stage.logs.tail_now(place.repo_id, place.deployment_id, secrets, lines)

    # What people ask for.

    async def restart(self, repo_id: int, branch_name: str) -> None:
        """Start it again with the settings of now. What failed or was stopped begins anew with its build. Raises Conflict."""
        branch = self.branch(repo_id, branch_name)
        if (
            branch.serving
            and branch.serving is branch.newest
            and branch.newest.state not in (states.FAILED, states.STOPPED)
        ):
            branch.wish("restart")
        elif branch.newest.state not in states.UNFINISHED:
            await self._again(branch)

    async def rebuild(self, repo_id: int, branch_name: str) -> None:
        """Install and build it once more, with the settings of now; what serves goes on until that is done. Raises Conflict."""
        branch = self.branch(repo_id, branch_name)
        if branch.newest.state not in states.UNFINISHED or branch.newest is branch.serving:
            await self._again(branch)

    async def wake(self, repo_id: int, branch_name: str) -> None:
        """Have it run, if it does not. Raises Conflict."""
        branch = self.branch(repo_id, branch_name)
        newest = branch.newest
        if newest.state == states.FAILED or (newest.state == states.STOPPED and not newest.built):
            await self._again(branch)
        elif not branch.running:
            branch.wish("wake")

    async def sleep(self, repo_id: int, branch_name: str) -> None:
        """Have it end until the next visitor comes, whoever is there now. Raises Conflict."""
        self.branch(repo_id, branch_name).wish("rest")

    async def halt(self, repo_id: int, branch_name: str) -> None:
        """Have it end until somebody starts it, or pushes. Raises Conflict."""
        self.branch(repo_id, branch_name).wish("stop")

    async def restart_all(self, repo_id: int) -> None:
        """What is kept for the repository has changed: whatever uses it starts again."""
        for (owner, name), branch in list(self.stage.branches.items()):
            if owner != repo_id:
                continue
            if branch.newest.state in states.UNFINISHED and branch.newest is not branch.serving:
                await self._again(branch)  # it may have been given the old ones
            elif branch.running or branch.newest.problem.startswith(NEEDS):
                await self.restart(repo_id, name)

    def of(self, repo_id: int) -> Sequence[Branch]:
        """The repository's branches that have an app, by name."""
        found = [branch for (owner, _), branch in self.stage.branches.items() if owner == repo_id]
        return sorted(found, key=lambda branch: branch.name)

    def branch(self, repo_id: int, name: str) -> Branch:
        """Raises Conflict."""
        branch = self.stage.branches.get((repo_id, name))
        if not branch:
            raise Conflict(
                f"The branch {name!r} has no app that could be started or stopped: its preview is files, or nothing."
            )
        return branch

    async def url(self, branch: Branch) -> str:
        """The preview's address; "" when it is gone."""
        label = self.stage.host.db.peek(
            "SELECT label FROM preview_hosts WHERE repo_id = ? AND branch = ?", (branch.repo_id, branch.name)
        )
        return self.stage.host.config.preview_url(label["label"]) if label else ""

    async def isolation(self, runner: str) -> str:
        """How isolated this runner's apps are, in a few words; "" where it is not here any more."""
        if runner not in self.stage.runners:
            return ""
        if runner not in self._isolation:
            self._isolation[runner] = await self.stage.runners[runner].isolation()
        return self._isolation[runner]

    async def _again(self, branch: Branch) -> None:
        """A new deployment of the same commit, with no more rights than it had."""
        newest = branch.newest
        recipe = await self.stage.records.recipe(newest.id)
        runner, problem = await self._runner(recipe)
        await self._deploy(
            Asked(
                newest.repo_id,
                newest.branch,
                newest.oid,
                runner,
                stored.recipe_text(recipe),
                state=states.FAILED if problem else states.QUEUED,
                problem=problem,
                source="restart",
                actor=newest.actor,
                secrets=newest.secrets,
            )
        )


def _sleeps(branch: Branch) -> bool:
    """Whether a visitor is to wake it: not what was stopped by hand, nor what failed."""
    if branch.running or any(branch.wants(each) for each in ("wake", "stop", "clear", "remove")):
        return False
    asleep = (states.SLEEPING, states.READY)
    return branch.newest.state in asleep or bool(branch.serving and branch.serving.state in asleep)


def _calm(branch: Branch, record: Record) -> None:
    """How long the build of `record` waits for a further push: not at all, unless the last one was a moment ago."""
    now = asyncio.get_running_loop().time()
    in_burst = record.created_at - branch.newest.created_at < BURST
    branch.burst_began = branch.burst_began if in_burst else now
    branch.calm_until = min(now + BURST_CALM, branch.burst_began + BURST_LONGEST) if in_burst else now
