"""What happens to an app between its deployments: it wakes, ends by itself and starts again, is stopped."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.branch import DEPLOY, STEPS
from gitperch_preview.conductor.deploying import plainly, start_again, until_usable
from gitperch_preview.conductor.health import look
from gitperch_preview.conductor.news import whole
from gitperch_preview.conductor.stage import host_name
from gitperch_preview.contract import Health, RunnerError

if TYPE_CHECKING:
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.records import Record

CRASHES = 5  # times that an app may end by itself within
CRASH_WINDOW = 600.0  # seconds, until it is not started again
BACKOFF = 1.0  # seconds before the first new start; doubles each time
LOOK_PAUSE = 0.2
_PORT = Health(timeout=2.0)
LOOKS = 3  # at an app that took no connection, before it is taken for dead


async def wake(branch: Branch) -> None:
    """Start the version that served last. What nothing was built of yet, or of which nothing is left, is built first."""
    if branch.running:
        return
    newest, serving = branch.newest, branch.serving
    waits = newest is not serving and newest.state in (states.SLEEPING, states.STOPPED)
    if serving and serving.built and not waits:
        await _start(branch, serving)
    elif newest.state in (states.SLEEPING, states.STOPPED, states.READY) or newest is serving:
        await _build(branch, newest)


async def _build(branch: Branch, newest: Record) -> None:
    """Begin the newest version from its beginning. Raises Gone where it is not the newest any more."""
    await branch.move(newest, states.QUEUED)
    if branch.serving is newest:
        branch.serving = None
    branch.then(DEPLOY)


async def _start(branch: Branch, record: Record) -> None:
    """Start what was built; if that is gone from the machine, by whatever way, it is built again. Raises RunnerError."""
    stage = branch.stage
    recipe = await stage.records.recipe(record.id)
    deployment = await stage.deployment(record, recipe)
    await until_usable(branch, record)
    try:
        await start_again(branch, record, recipe, stage.logs.open(record.repo_id, record.id), deployment)
    except RunnerError:
        there = {thing.deployment_id for thing in await stage.runner(record).things()}
        if record.id in there or record is not branch.newest:
            raise
        await _build(branch, record)


async def restart(branch: Branch) -> None:
    """End the app that serves, and start it again with the settings that its repository has now."""
    record = branch.serving
    if not record:
        return
    running = branch.silent()
    if running:
        await whole(branch.stage.runner(record).stop(running))
    branch.crashes.clear()
    await _start(branch, record)


async def revive(branch: Branch) -> None:
    """Start the app again that has ended by itself, after a pause that grows; not for ever. Raises RunnerError."""
    record, stage = branch.serving, branch.stage
    if not record or branch.running:
        return
    reason = branch.ended.reason if branch.ended else "Nothing answered at its port any more"
    recipe = await stage.records.recipe(record.id)
    deployment = await stage.deployment(record, recipe)
    log = stage.logs.open(record.repo_id, record.id)
    if record.state != states.STARTING:
        await branch.move(record, states.STARTING)
    if branch.ended and branch.ended.final:
        raise RunnerError(reason)
    while True:
        await until_usable(branch, record)
        now = time.monotonic()
        branch.crashes = [at for at in branch.crashes if at > now - CRASH_WINDOW] + [now]
        if len(branch.crashes) > CRASHES:
            raise RunnerError(
                f"It ended by itself {len(branch.crashes)} times in a short while and is not started again."
                f" The last time: {plainly(reason)}."
            )
        pause = BACKOFF * 2 ** (len(branch.crashes) - 1)
        log.heading(f"{plainly(reason)}. It starts again in {pause:g} s")
        await asyncio.sleep(pause)
        try:
            await start_again(branch, record, recipe, log, deployment)
        except RunnerError as error:
            reason = str(error)
        else:
            return


async def check(branch: Branch) -> None:
    """Somebody could not reach the app: it is looked at, and where it is silent for good, started again."""
    running, record = branch.running, branch.serving
    if not running or not record:
        return
    deployment = await branch.stage.deployment(record, await branch.stage.records.recipe(record.id))
    for _ in range(LOOKS):
        if branch.running is not running or not await look(running.upstream, _PORT, host_name(deployment)):
            return
        await asyncio.sleep(LOOK_PAUSE)
    branch.silent()
    branch.ended = None
    branch.then("revive")
    await whole(branch.stage.runner(record).stop(running))


async def stop(branch: Branch, why: str = "") -> None:
    """End the app and whatever was on its way. What was built stays, until it is removed by its age. `why`: where nobody asked for it."""
    branch.granted(DEPLOY, *STEPS)
    record, newest, running = branch.serving, branch.newest, branch.silent()
    if record and running:
        await whole(branch.stage.runner(record).stop(running))
        branch.stage.logs.open(record.repo_id, record.id).heading("Stopped")
    if record and record is not newest and record.state != states.STOPPED:
        await branch.move(record, states.STOPPED, handle="")
    if newest.state in states.UNFINISHED and newest is not record:
        branch.upkeep.leftovers[newest.id] = newest.runner
    if newest.state != states.STOPPED:
        await branch.move(newest, states.STOPPED, handle="", built=newest.built and newest is record, problem=why)
    for one in (record, newest):
        if one:
            branch.stage.logs.rest(one.repo_id, one.id)


async def clear(branch: Branch) -> None:
    """As `stop`, and what was built goes too: nobody has wanted it for long."""
    records = [record for record in (branch.newest, branch.serving) if record]
    await stop(branch, _unwanted(branch))
    for record in records:
        branch.upkeep.leftovers[record.id] = record.runner
        record.built = False
    await branch.stage.records.forget_built(branch.upkeep.leftovers)
    branch.serving = None


def _unwanted(branch: Branch) -> str:
    previews = branch.stage.host.config.previews
    age = time.time() - max(branch.place.visited_at, branch.newest.created_at)
    if previews.stop_days and age > previews.stop_days * 86400:
        return f"Nobody pushed or came for {previews.stop_days:g} days (previews.stop_days)."
    return f"The default branch has all of its commits, and nobody came for {previews.merged_days:g} days (previews.merged_days)."


async def remove(branch: Branch) -> None:
    """The branch, or its app, is gone, and its records with it: nothing stays of it but its leftovers, which go after this."""
    branch.granted(DEPLOY, *STEPS)
    running, record = branch.silent(), branch.serving
    if running and record:
        await whole(branch.stage.runner(record).stop(running))
