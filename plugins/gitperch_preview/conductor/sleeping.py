"""An app ends, to be started again: it sleeps, or gives way to the version that follows it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.news import whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.contract import Log, Recipe


async def sleep(branch: Branch) -> None:
    """End the app, unless somebody has come meanwhile. What was built stays, and the next visitor has it start again."""
    if not branch.place.open:
        await rest(branch)


async def rest(branch: Branch) -> None:
    """End the app, whoever is there."""
    record = branch.serving
    running = branch.silent()
    if not record or not running:
        return

    async def ended() -> None:
        await branch.stage.runner(record).stop(running)
        branch.stage.logs.open(record.repo_id, record.id).heading("Asleep until its next visitor")
        await branch.move(record, states.SLEEPING, handle="")
        branch.stage.logs.rest(record.repo_id, record.id)

    await whole(ended())


@contextlib.asynccontextmanager
async def giving_way(branch: Branch, recipe: Recipe, log: Log) -> AsyncIterator[None]:
    """Inside, a new version has the port that it insists on to itself, where all apps of its runner share one machine's ports.

    The version that served ends before, and is started again where the new one does not get so far.
    """
    if recipe.port is None or not branch.stage.runner(branch.newest).shares_ports:
        yield
        return
    branch.gives_way, served = True, branch.running
    try:
        if served:
            log.line(f"The version before ends first: port {recipe.port} is all that they listen on")
            async with branch.switching():
                await rest(branch)
        yield
    finally:
        branch.gives_way = False
        if served and not branch.running:
            branch.then("wake")
