"""One clock for all: who sleeps now, who was left alone for too long, when the machine is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.conductor.recovery import sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.stage import Stage

log = logging.getLogger("gitperch.preview")

_DAY = 86400.0
_SWEEP_SECONDS = 3600.0
_NOTE_SECONDS = 60.0  # after which visits are noted in the database
_LONGEST_LOOK, _SHORTEST_LOOK = 30.0, 0.1


class Clock:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._previews = stage.host.config.previews
        self._noted_at = time.time()
        self._swept_at = time.monotonic()
        self._sweeps = False

    def sweep_soon(self) -> None:
        """Something was deleted."""
        self._sweeps = True
        self._stage.look.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            if time.time() - self._noted_at > _NOTE_SECONDS:
                await self.note()
            if self._sweeps or time.monotonic() - self._swept_at > _SWEEP_SECONDS:
                self._sweeps = False
                self._swept_at = time.monotonic()
                await sweep(self._stage)
                await self._old()
            self._stage.look.clear()
            pause = 0.0 if self._sweeps else self._idle()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stage.look.wait()

    def _idle(self) -> float:
        """Put to sleep who has had no visitor for long enough; seconds until somebody else could be."""
        soonest = _LONGEST_LOOK
        for branch in self._stage.branches.values():
            if not branch.running or not branch.idle_seconds:
                continue
            left = branch.idle_since + branch.idle_seconds - time.time()
            if left <= 0 and branch.can_sleep:
                branch.wish("sleep")
            soonest = min(soonest, max(left, _SHORTEST_LOOK if left > 0 else 1.0))
        return soonest

    async def note(self) -> None:
        """Write down when places were visited since the last time."""
        places = [branch.place for branch in self._stage.branches.values()]
        visits = [(p.visited_at, p.repo_id, p.branch) for p in places if p.visited_at > self._noted_at]
        self._noted_at = time.time()
        if visits:
            await self._stage.records.visited(visits)

    async def _old(self) -> None:
        """Stop what was neither pushed to nor visited for `previews.stop_days`; of merged branches sooner."""
        now = time.time()
        stop, merged = self._previews.stop_days * _DAY, self._previews.merged_days * _DAY
        resting: dict[int, list[Branch]] = {}
        for branch in list(self._stage.branches.values()):
            place = branch.place
            age = now - max(place.visited_at, branch.newest.created_at)
            if place.open or branch.busy or branch.newest.state == states.STOPPED:
                continue
            if stop and age > stop:
                branch.wish("clear")
            elif merged and age > merged:
                resting.setdefault(branch.repo_id, []).append(branch)
        for repo_id, branches in resting.items():
            names = await self._merged(repo_id)
            for branch in branches:
                if branch.name in names and not branch.busy:
                    branch.wish("clear")

    async def _merged(self, repo_id: int) -> set[str]:
        """The branches whose commits the default branch has, itself left out."""
        repo = await self._stage.host.repositories.by_id(repo_id)
        if not repo:
            return set()
        head = repo.head
        listing = ("for-each-ref", "--format=%(refname)", f"--merged=refs/heads/{head}", "refs/heads")
        try:
            said = await self._stage.host.git.run(*listing, path=repo.path)
        except Exception:
            log.exception("which branches of %s are merged cannot be found out", repo.full_name)
            return set()
        return set(_short(said.decode("utf-8", "surrogateescape").splitlines())) - {head}


def _short(names: Iterable[str]) -> Iterable[str]:
    return (name.removeprefix("refs/heads/") for name in names)
