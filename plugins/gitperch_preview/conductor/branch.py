"""One branch with an app: what is wanted of it, and the one task that brings it about, in order, when there is something to do."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.records import Gone
from gitperch_preview.contract import RunnerError
from gitperch_preview.vault import VaultError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gitperch_preview.conductor.records import Record
    from gitperch_preview.conductor.stage import Stage
    from gitperch_preview.contract import Ended, Place, Recipe, Running

    Step = Callable[["Branch"], Awaitable[None]]

log = logging.getLogger("gitperch.preview")

# In the order in which they come when several are wanted.
STEPS = ("remove", "recover", "clear", "stop", "deploy", "restart", "revive", "check", "wake", "rest", "sleep")
# What a new wish ends half-way. A deployment that is ended so was replaced; waking and reviving are taken up again.
_INTERRUPTS = {
    "remove": set(STEPS) - {"remove"},
    "clear": {"deploy", "restart", "revive", "check", "wake"},
    "stop": {"deploy", "restart", "revive", "check", "wake"},
    "deploy": {"deploy", "restart", "revive", "wake"},
    "restart": {"revive", "wake"},
}
_UNFORESEEN = "Something went wrong in the server, not in the app; the server's log says what."


class Branch:
    """`place` is what the gateway sees; `newest` and `serving` are its records; `running` is the app that answers.

    Only its own task changes these, but for `newest`, which a push replaces.
    """

    def __init__(
        self, stage: Stage, place: Place, newest: Record, serving: Record | None, steps: Mapping[str, Step]
    ) -> None:
        self.stage = stage
        self.place = place
        self.newest = newest
        self.serving = serving
        self.running: Running | None = None
        self.starting: Running | None = None
        """An app that was started and does not answer yet."""
        self.ended: Ended | None = None
        """How the app that answered came to its end."""
        self.crashes: list[float] = []
        self.leftovers: dict[int, str] = {}
        """Deployments (and their runners) of which something may be left that nobody needs."""
        self.calm_until = 0.0
        """By the event loop's clock: until when a build waits for further pushes."""
        self.burst_began = 0.0
        self.idle_seconds = 0.0
        """How long the app that answers may have no visitor; 0: for ever."""
        self._steps = steps
        # A branch that is made anew while the old one is being removed has a task of its own.
        self._task = f"preview branch {place.repo_id} {place.branch} {newest.id}"
        self._wishes: set[str] = set()
        self._doing = ""
        self._job: asyncio.Task[None] | None = None

    @property
    def repo_id(self) -> int:
        return self.place.repo_id

    @property
    def name(self) -> str:
        return self.place.branch

    @property
    def busy(self) -> bool:
        return bool(self._doing or self._wishes)

    @property
    def can_sleep(self) -> bool:
        """It runs, and nobody would notice at this moment if it did not."""
        return self.running is not None and not self.busy and not self.place.open

    def wants(self, wish: str) -> bool:
        return wish in self._wishes

    def wish(self, wish: str) -> None:
        """One of STEPS is wanted; wishing twice is harmless."""
        if self.stage.closing:
            return
        self._wishes.add(wish)
        if self._job and self._doing in _INTERRUPTS.get(wish, ()):
            self._job.cancel()
        self.stage.host.tasks.start(self._task, self._work)

    def then(self, wish: str) -> None:
        """What the present step wants done after it."""
        self._wishes.add(wish)

    def granted(self, *wishes: str) -> None:
        """These are not wanted any more."""
        self._wishes.difference_update(wishes)

    def pushed(self, record: Record) -> None:
        """There is a newer deployment."""
        if self.newest.state not in (states.FAILED, states.STOPPED) and self.newest is not self.serving:
            self.leftovers[self.newest.id] = self.newest.runner
        self.newest = record
        self.show()
        if record.state == states.QUEUED:
            self.granted("stop", "clear", "restart")
            self.wish("deploy")
        elif self._doing == "deploy" and self._job:
            self._job.cancel()

    def show(self) -> None:
        """Let the gateway and the pages see what is."""
        place = self.place
        place.deployment_id, place.state, place.problem = self.newest.id, self.newest.state, self.newest.problem
        place.upstream = self.running.upstream if self.running else None
        self.stage.news.tell()

    async def move(self, record: Record, state: str, **columns: object) -> None:
        """As Records.move, and seen at once."""
        await self.stage.records.move(record, state, **columns)  # type: ignore[arg-type]
        self.show()

    def answers(self, record: Record, running: Running, recipe: Recipe) -> None:
        """From now on `running` is asked, which is of `record`."""
        minutes = self.stage.host.config.previews.idle_minutes
        self.idle_seconds = minutes * 60 if recipe.idle is None else recipe.idle
        self.serving, self.running, self.starting = record, running, None
        self.ended = None
        self.granted("revive", "wake", "check")
        self.place.visited_at = time.time()
        self.stage.look.set()
        running.ended.add_done_callback(functools.partial(self._has_ended, running))
        self.show()

    def _has_ended(self, running: Running, ended: asyncio.Future[Ended]) -> None:
        if self.running is running and not self.stage.closing and not ended.cancelled():
            self.running, self.ended = None, ended.result()
            self.show()
            self.wish("revive")

    def silent(self) -> Running | None:
        """Nobody is sent to the app any more; the app, which runs on until it is stopped."""
        running, self.running = self.running, None
        self.show()
        return running

    async def _work(self) -> None:
        while self._wishes:
            step = self._doing = next(step for step in STEPS if step in self._wishes)
            self._wishes.discard(step)
            try:
                async with asyncio.TaskGroup() as group:
                    self._job = group.create_task(self._done(step))
                if self._job.cancelled():
                    self._wishes.add(step)  # to be taken up again, unless what ended it thinks otherwise
            finally:
                self._job = None
            await self._tidied()
            self._doing = ""
            self.stage.news.tell()

    async def _done(self, step: str) -> None:
        """One step. Whatever fails, the branch says so and lives on."""
        try:
            await self._steps[step](self)
        except Gone:
            pass  # replaced or removed, which brings a wish of its own
        except (RunnerError, VaultError) as error:
            await self._failed(step, str(error))
        except Exception:
            log.exception("the step %s of the preview of %s in repository %d failed", step, self.name, self.repo_id)
            await self._failed(step, _UNFORESEEN)

    async def _failed(self, step: str, problem: str) -> None:
        """What was on its way to be ready is not going to be. What could not even begin stays as it is, and says why."""
        record = self.newest if step == "deploy" else self.serving or self.newest
        begun = record.state in states.UNFINISHED
        if begun:
            self.leftovers[record.id] = record.runner
        try:
            await self.move(record, states.FAILED if begun else record.state, problem=problem)
        except Gone:
            return
        if not begun:
            return
        if self.serving is record:
            self.serving = None

    async def _tidied(self) -> None:
        """Remove what a step has left behind that failed or was ended half-way."""
        starting, self.starting = self.starting, None
        if starting:
            record = next((r for r in (self.newest, self.serving) if r and r.id == starting.deployment_id), None)
            runner = record.runner if record else self.leftovers.get(starting.deployment_id, "")
            try:
                if runner:
                    await self.stage.runners[runner].stop(starting)
            except Exception:
                log.exception("the preview %d could not be stopped", starting.deployment_id)
        for deployment_id, runner in list(self.leftovers.items()):
            self.stage.retiring.add(deployment_id)
            del self.leftovers[deployment_id]
            await self.stage.discard(self.repo_id, deployment_id, runner)
        if not self.running and not self.wants("revive"):
            self.stage.room.leave(self)
