"""What is on the machine, held against the records: at the start, every hour, and when something was deleted."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.branch import DEPLOY
from gitperch_preview.conductor.deploying import until_usable

if TYPE_CHECKING:
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.stage import Stage
    from gitperch_preview.contract import Runner, Thing

log = logging.getLogger("gitperch.preview")

_SECONDS = 120.0  # for a runner to say what there is, or to remove one thing


async def recover(branch: Branch) -> None:
    """After a start of the server: have again what the records say, the app that lived on, or a new one."""
    stage, newest, serving = branch.stage, branch.newest, branch.serving
    if serving and serving.state in (states.READY, states.STARTING):
        recipe = await stage.records.recipe(serving.id)
        deployment = await stage.deployment(serving, recipe)
        # Without a handle it was just being started: whatever came of that ends.
        handle = json.loads(serving.handle or "{}")
        await until_usable(branch, serving)
        running = await stage.runner(serving).adopt(deployment, handle)
        if running and serving.state == states.READY:
            stage.room.take(branch)
            stage.logs.open(serving.repo_id, serving.id)
            branch.answers(serving, running, recipe)
            branch.answers_since = branch.place.visited_at or branch.answers_since  # it answered all the while
        else:
            branch.then("wake")
    if newest is not serving and newest.state in states.UNFINISHED:
        await stage.discard(newest.repo_id, newest.id, newest.runner)
        if newest.state != states.QUEUED:
            await branch.move(newest, states.QUEUED)
        branch.then(DEPLOY)


async def sweep(stage: Stage) -> None:
    """Remove what no record explains, and note what is missing, so that it is made again when it is needed."""
    for runner in stage.runners.values():
        if await runner.usable():
            continue  # an engine that is not there says nothing of what it has
        built = {each for each, name in await stage.records.built() if name == runner.name}
        try:
            async with asyncio.timeout(_SECONDS):
                things = await runner.things()
        except Exception:
            log.exception("what the runner %s has made cannot be listed", runner.name)
            continue
        # Read after the things: whatever was made has had its record before.
        alive = await stage.records.alive() | stage.retiring
        repos = {repo.id for repo in await stage.host.repositories.everything()}
        for thing in things:
            if not _explained(thing, alive, repos):
                await _removed(runner, thing)
        await _missing(stage, built - {thing.deployment_id for thing in things})
    await stage.logs.sweep(stage.records.known)


def _explained(thing: Thing, alive: set[int], repos: set[int]) -> bool:
    if thing.deployment_id is not None:
        return thing.deployment_id in alive
    return thing.repo_id in repos


async def _removed(runner: Runner, thing: Thing) -> None:
    log.info("no record explains the %s %s; it is removed", thing.kind, thing.name)
    try:
        async with asyncio.timeout(_SECONDS):
            await runner.remove(thing)
    except Exception:
        log.exception("the %s %s could not be removed", thing.kind, thing.name)


async def _missing(stage: Stage, gone: set[int]) -> None:
    """What was taken for built and is not there has to be built again."""
    if not gone:
        return
    await stage.records.forget_built(gone)
    for branch in stage.branches.values():
        for record in (branch.newest, branch.serving):
            if record and record.id in gone:
                record.built = False
