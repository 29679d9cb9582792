"""One branch with an app: what is wanted of it, and the tasks that bring it about when there is something to do."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.lane import Lane
from gitperch_preview.conductor.records import Gone
from gitperch_preview.contract import RunnerError
from gitperch_preview.logs.writing import FileLog
from gitperch_preview.vault import VaultError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from gitperch_preview.conductor.records import Record
    from gitperch_preview.conductor.stage import Stage
    from gitperch_preview.contract import Ended, Place, Recipe, Running

    Step = Callable[["Branch"], Awaitable[None]]

log = logging.getLogger("gitperch.preview")

DEPLOY = "deploy"
# What is done with the version that serves, in the order in which it comes when several are wanted.
STEPS = ("remove", "recover", "clear", "stop", "restart", "revive", "check", "wake", "rest", "sleep")
# These are about all of a branch: nothing is deployed meanwhile, and what is being deployed is ended half-way.
_ALONE = {"remove", "recover", "clear", "stop"}
# What else a wish ends half-way. What is ended so is taken up again, unless whatever ended it thinks otherwise.
_INTERRUPTS = {
    "remove": set(STEPS) - {"remove"},
    "clear": {"restart", "revive", "check", "wake"},
    "stop": {"restart", "revive", "check", "wake"},
    "restart": {"revive", "wake"},
}
_STARTING = {"restart", "revive", "wake"}
# In these, what ran comes to its end; in all others, what is ready by its record and does not run is about to run again.
_ENDING = {"rest", "sleep", "stop", "clear", "remove"}
_UNFORESEEN = "Something went wrong in the server, not in the app; the server's log says what."


class Branch:
    """`place` is what the gateway sees; `newest` and `serving` are its records; `running` is the app that answers.

    There are two lanes: a new version is deployed in one, while the other looks after the version that serves. They meet at the switch,
    for which the second stands still. Only they change these, but for `newest`, which a push replaces.
    """

    def __init__(
        self, stage: Stage, place: Place, newest: Record, serving: Record | None, steps: Mapping[str, Step]
    ) -> None:
        self.stage = stage
        self.place = place
        self.newest = newest
        self.serving = serving
        self.running: Running | None = None
        self.ended: Ended | None = None
        """How the app that answered came to its end."""
        self.crashes: list[float] = []
        self.calm_until = 0.0
        """By the event loop's clock: until when a build waits for further pushes."""
        self.burst_began = 0.0
        self.answers_since = 0.0
        """Unix seconds: since when the app that answers does."""
        self.idle_seconds = 0.0
        """How long the app that answers may have no visitor; 0: for ever."""
        self.gives_way = False
        """The version that served is not started, since the next one needs its port."""
        self.upkeep = Lane()
        self.deploying = Lane()
        self._steps = steps
        # A branch that is made anew while the old one is being removed has tasks of its own.
        self._task = f"preview branch {place.repo_id} {place.branch} {newest.id}"
        self._wishes: set[str] = set()
        self._switching = False

    @property
    def repo_id(self) -> int:
        return self.place.repo_id

    @property
    def name(self) -> str:
        return self.place.branch

    @property
    def busy(self) -> bool:
        return bool(self.upkeep.step or self.deploying.step or self._wishes)

    @property
    def idle_since(self) -> float:
        """Unix seconds. Whoever begins to answer is given his time, too."""
        return max(self.place.visited_at, self.answers_since)

    @property
    def can_sleep(self) -> bool:
        """It runs, and nobody would notice at this moment if it did not."""
        return self.running is not None and not self.busy and not self.place.open

    @property
    def state(self) -> str:
        """That of the newest, as it is at this moment: by its record, what was ready before the server began is so still."""
        starts = self.newest.state == states.READY and not self.running and self.upkeep.step not in _ENDING
        return states.STARTING if starts else self.newest.state

    def wants(self, wish: str) -> bool:
        """Whether this is wanted, or being done."""
        return wish in self._wishes or wish in (self.upkeep.step, self.deploying.step)

    def wish(self, wish: str) -> None:
        """DEPLOY, or one of STEPS, is wanted; wishing twice is harmless."""
        self._wishes.add(wish)
        if self.upkeep.step in _INTERRUPTS.get(wish, ()):
            self.upkeep.end()
        if wish == DEPLOY or wish in _ALONE:
            self.deploying.end()
        self._go()

    def then(self, wish: str) -> None:
        """What the present step wants done after it."""
        self._wishes.add(wish)

    def granted(self, *wishes: str) -> None:
        """These are not wanted any more."""
        self._wishes.difference_update(wishes)

    def pushed(self, record: Record) -> None:
        """There is a newer deployment."""
        if self.newest.state not in (states.FAILED, states.STOPPED) and self.newest is not self.serving:
            self.deploying.leftovers[self.newest.id] = self.newest.runner
        self.newest = record
        self.show()
        if record.state == states.QUEUED:
            self.granted("stop", "clear")
            self.wish(DEPLOY)
        else:
            self.deploying.end()

    def show(self) -> None:
        """Let the gateway and the pages see what is."""
        place = self.place
        place.deployment_id, place.state, place.problem = self.newest.id, self.state, self.newest.problem
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
        self.serving, self.running, self.ended = record, running, None
        self.granted("revive", "wake", "check")
        self.answers_since = time.time()
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

    @contextlib.asynccontextmanager
    async def switching(self) -> AsyncIterator[None]:
        """Inside, nothing is done with the version that served; what was still wanted of it is not wanted afterwards."""
        self._switching = True
        try:
            self.upkeep.end()
            while self.upkeep.step:
                await self.stage.news.until(lambda: not self.upkeep.step or None, 10.0)
            yield
            self.granted(*set(STEPS) - _ALONE)
        finally:
            self._switching = False
            self._go()

    def _go(self) -> None:
        """See that somebody does what is wanted."""
        if self.stage.closing:
            return
        start = self.stage.host.tasks.start
        if not self.upkeep.step and self._next():
            start(self._task, functools.partial(self._work, self.upkeep, self._next))
        if not self.deploying.step and self._deploys():
            start(f"{self._task} deploys", functools.partial(self._work, self.deploying, self._deploys))

    def _next(self) -> str:
        """What is to be done next with the version that serves; "" for nothing now."""
        wishes = self._wishes - (_STARTING if self.gives_way else set())
        step = next((step for step in STEPS if step in wishes), "")
        return "" if self._switching or (step in _ALONE and self.deploying.step) else step

    def _deploys(self) -> str:
        waits = self.upkeep.step in _ALONE or self._wishes & _ALONE
        return DEPLOY if DEPLOY in self._wishes and not waits else ""

    async def _work(self, lane: Lane, choose: Callable[[], str]) -> None:
        while step := choose():
            self._wishes.discard(step)
            lane.step = step
            try:
                if not await lane.run(self._done(lane, step)):
                    self._wishes.add(step)
                await self._tidied(lane)
            finally:
                lane.step, lane.record = "", None
            self._settled()

    def _settled(self) -> None:
        """A step is over: others may have waited for that."""
        if not (self.running or self.upkeep.step or self.deploying.step or "revive" in self._wishes):
            self.stage.room.leave(self)
        self._go()
        self.stage.news.tell()

    async def _done(self, lane: Lane, step: str) -> None:
        """One step. Whatever fails, the branch says so and lives on."""
        try:
            await self._steps[step](self)
        except Gone:
            pass  # replaced or removed, which brings a wish of its own
        except (RunnerError, VaultError) as error:
            await self._failed(lane, str(error))
        except Exception:
            log.exception("the step %s of the preview of %s in repository %d failed", step, self.name, self.repo_id)
            await self._failed(lane, _UNFORESEEN)

    async def _failed(self, lane: Lane, problem: str) -> None:
        """What was on its way to be ready is not going to be. What could not even begin stays as it is, and says why."""
        record = lane.record or self.serving or self.newest
        begun = record.state in states.UNFINISHED
        if begun:
            lane.leftovers[record.id] = record.runner
            # Before anybody hears that it is over.
            FileLog(self.stage.logs.path(record.repo_id, record.id)).problem(problem)
        try:
            await self.move(record, states.FAILED if begun else record.state, problem=problem)
        except Gone:
            return
        if begun and self.serving is record:
            self.serving = None

    async def _tidied(self, lane: Lane) -> None:
        """Remove what a step has left behind that failed or was ended half-way."""
        if lane.starting:
            (runner, running), lane.starting = lane.starting, None
            try:
                await self.stage.runners[runner].stop(running)
            except Exception:
                log.exception("the preview %d could not be stopped", running.deployment_id)
        for deployment_id, runner in list(lane.leftovers.items()):
            self.stage.retiring.add(deployment_id)
            del lane.leftovers[deployment_id]
            await self.stage.discard(self.repo_id, deployment_id, runner)
