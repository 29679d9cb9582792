"""From a commit to an app that answers: the queue, the build, the start, the health check, the switch."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from gitperch_preview.conductor import disk, following, states
from gitperch_preview.conductor.health import healthy
from gitperch_preview.conductor.news import whole
from gitperch_preview.conductor.sleeping import giving_way
from gitperch_preview.conductor.stage import host_name
from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.lane import Lane
    from gitperch_preview.conductor.records import Record
    from gitperch_preview.contract import Command, Deployment, Log, Recipe, Running

ENGINE_SECONDS = 600.0  # that an engine may be away before what it is to run is given up


async def deploy(branch: Branch) -> None:
    """Bring the newest deployment from the queue to the point where it answers. Raises RunnerError, Gone."""
    record, stage = branch.newest, branch.stage
    if record.state != states.QUEUED:
        return
    branch.deploying.record = record
    await _calm(branch)
    recipe = await stage.records.recipe(record.id)
    log = stage.logs.open(record.repo_id, record.id)
    introduce(log, record.branch, recipe, stage.memory(recipe))
    deployment = await stage.deployment(record, recipe)
    branch.deploying.leftovers[record.id] = record.runner  # until it answers
    await until_usable(branch, record)
    if stage.slots.are_taken:
        log.line("Waiting for its turn: other builds are under way.")
    async with stage.slots.turn(record.repo_id):
        await branch.move(record, states.BUILDING)
        await disk.make_room(stage, log)
        await _build(branch, record, deployment, log)
    try:
        await stage.room.enter(branch, _start_seconds(branch))
    except RunnerError as error:
        await whole(_wait_for_room(branch, record, str(error)))
        return
    await branch.move(record, states.STARTING, built=True)
    async with giving_way(branch, recipe, log):
        running, nth = await bring_up(branch, branch.deploying, record, deployment, log, recipe.commands)
        log.heading("Ready")
        await whole(_switch(branch, record, running, recipe, nth))


async def until_usable(branch: Branch, record: Record) -> None:
    """Wait for an engine that is being started, as long as somebody may well be starting it. Raises RunnerError."""
    loop = asyncio.get_running_loop()
    until, pause, waited = loop.time() + ENGINE_SECONDS, 0.5, False
    while missing := await branch.stage.runner(record).usable():
        if loop.time() > until:
            raise RunnerError(missing)
        if not waited:
            await branch.move(record, record.state, problem=missing)
        waited, pause = True, min(pause * 1.5, 10.0)
        await asyncio.sleep(pause)
    if waited:
        await branch.move(record, record.state)


async def _calm(branch: Branch) -> None:
    """Wait for the end of a burst of pushes, so that it ends in one build."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, branch.calm_until - loop.time()))


def introduce(log: Log, branch_name: str, recipe: Recipe, memory: int) -> None:
    """What was found, and why; `memory` is what it may have, in bytes."""
    log.heading(following.heading(branch_name, recipe))
    for line in recipe.found:
        log.line(line)
    if (recipe.memory or 0) > memory:
        log.line(f"memory: {memory >> 20} MB, the most that this server allows (previews.memory_max)")


async def _build(branch: Branch, record: Record, deployment: Deployment, log: Log) -> None:
    seconds = branch.stage.host.config.previews.build_seconds
    try:
        async with asyncio.timeout(seconds):
            await branch.stage.runner(record).build(deployment, log)
    except TimeoutError:
        raise RunnerError(
            f"The build was ended: it took longer than {seconds:g} s, the most that this server allows (previews.build_seconds)."
        ) from None


def _start_seconds(branch: Branch) -> float:
    return branch.stage.host.config.previews.start_seconds


async def bring_up(
    branch: Branch, lane: Lane, record: Record, deployment: Deployment, log: Log, commands: tuple[Command, ...]
) -> tuple[Running, int]:
    """Start the app by the first of `commands` that stays up, and wait until it is well: the app, and which command that was.

    Raises RunnerError with the reason of the last one.
    """
    reason = "It has no command to start."
    runner = branch.stage.runner(record)
    for nth, command in enumerate(commands or (None,)):
        if nth:
            log.line(f"{reason} Trying the next command.")
        log.heading(f"Starting {command.shown} ({command.source})" if command else "Starting")

        async def begin(command: Command | None = command) -> Running:
            started = await runner.start(deployment, log, command)
            lane.starting = record.runner, started
            return started

        running = await whole(begin())
        problem = await healthy(running, deployment.recipe.health, host_name(deployment), _start_seconds(branch))
        if not problem:
            return running, nth
        lane.starting = None
        ended = running.ended.done()
        reason = f"{plainly(problem)}. It had not answered yet.{running.ended.result().remedy}" if ended else problem
        if not ended:
            await whole(runner.stop(running))
        if not ended or running.ended.result().final:
            break
    raise RunnerError(reason)


def plainly(sentence: str) -> str:
    """A sentence to go on with."""
    return sentence.strip().rstrip(".")


async def _switch(branch: Branch, record: Record, running: Running, recipe: Recipe, nth: int) -> None:
    """The new version gets the host, and the old one goes."""
    handle = json.dumps(dict(running.handle))
    async with branch.switching():
        before, old = branch.serving, branch.running
        await branch.stage.records.move(record, states.READY, serves=True, command=nth, handle=handle)
        branch.deploying.leftovers.pop(record.id, None)
        branch.deploying.starting = None
        branch.crashes.clear()
        branch.answers(record, running, recipe)
    if before and before is not record:
        branch.stage.retire(before, old, branch.place)


async def _wait_for_room(branch: Branch, record: Record, why: str) -> None:
    """It is built, and sleeps until its first visitor; the old version goes."""
    async with branch.switching():
        before, old = branch.serving, branch.silent()
        await branch.stage.records.move(record, states.SLEEPING, serves=True, built=True, problem=why)
        branch.deploying.leftovers.pop(record.id, None)
        branch.serving = record
        branch.show()
    if before and before is not record:
        branch.stage.retire(before, old, branch.place)


async def start_again(branch: Branch, record: Record, recipe: Recipe, log: Log, deployment: Deployment) -> None:
    """Start what was built before, by the command that stayed up then. Raises RunnerError."""
    await branch.stage.room.enter(branch, _start_seconds(branch))
    if record.state != states.STARTING:
        await branch.move(record, states.STARTING)
    commands = recipe.commands[record.command :][:1]
    running, _ = await bring_up(branch, branch.upkeep, record, deployment, log, commands)
    log.heading("Ready")
    await whole(_back(branch, record, running, recipe))


async def _back(branch: Branch, record: Record, running: Running, recipe: Recipe) -> None:
    await branch.stage.records.move(record, states.READY, serves=True, handle=json.dumps(dict(running.handle)))
    branch.upkeep.starting = None
    branch.answers(record, running, recipe)
