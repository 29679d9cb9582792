"""When which repository is looked after: a second after a push its commit-graph, its packs after the burst, and each one daily."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from gitperch.delivery.outbox import event_from
from gitperch.events import Event, RefsUpdated
from gitperch.git import GitError, base_pack
from gitperch.maintenance import layers
from gitperch.maintenance.care import Care
from gitperch.maintenance.packing import Packing
from gitperch.maintenance.quietly import Quietly

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitperch.db import Database
    from gitperch.delivery import EventLog
    from gitperch.git import Git
    from gitperch.repositories import Repositories, Repository
    from gitperch.tasks import Supervisor

log = logging.getLogger("gitperch.upkeep")

LAYER_SECONDS = 1.0  # pushes come in bursts
POLL_SECONDS = 2.0  # a command in another process wakes nobody here
SOON_SECONDS = 1.0  # a repository without a base pack, for the sake of its second clone
REST_SECONDS = 20.0
LATEST_SECONDS = 300.0  # for a repository that is pushed to without a pause
START_SECONDS = 30.0
APART_SECONDS = 1.0  # between repositories at the start
AGAIN_SECONDS = 60.0  # for one that is worth a repack once it is at rest
DAY = 86400.0
ALL_AT_ONCE = 1000  # tips of one burst; of more, git looks at all refs


class Upkeep:
    """Pushes that a killed server did not get to are seen by the first look at each repository after the next start."""

    def __init__(self, db: Database, git: Git, repositories: Repositories, folder: Path) -> None:
        """`folder` holds the locks that keep processes apart, the server and commands: one for layers, one for packs."""
        self._db = db
        self._repositories = repositories
        self._for_layers = Quietly(git, folder / "layers.lock")
        self._without_paths: set[int] = set()  # repositories where trees are missing
        self._for_packs = Quietly(git, folder / "upkeep.lock")
        self._packing = Packing(self._for_packs)
        self._due: dict[int, float] = {}
        self._first: dict[int, float] = {}
        self._pushed = asyncio.Event()
        self._changed = asyncio.Event()

    def start(self, events: EventLog, tasks: Supervisor) -> None:
        """From now on, every repository is looked after."""
        events.listen(self._hear)
        tasks.start("commit-graph layers", self._work_on_layers, restart=True)
        tasks.start("upkeep", self._work_on_packs, restart=True)

    async def commit_graph(self, repo: Repository, told: Callable[[str], None] | None = None) -> None:
        """Write what the commit-graph file lacks of all that refs reach, now. What fails is logged, and the file is as it was.

        `told` hears git's lines about how far it is.
        """
        await self._add_layer(repo, (), told)

    async def now(self, repo: Repository) -> str:
        """Everything that pays, with nothing put off; what was done in words. Raises GitError."""
        async with self._for_layers.turn():
            await layers.add(self._for_layers, repo.path)
        did, _ = await self._care(repo, pressed=True)
        return did

    def _hear(self, event: Event) -> None:
        if isinstance(event, RefsUpdated):
            self._pushed.set()

    async def _work_on_layers(self) -> None:
        newest = await self._db.row("SELECT coalesce(max(id), 0) AS id FROM events")
        seen: int = newest["id"] if newest else 0
        while True:
            if await _set_within(self._pushed, POLL_SECONDS):
                await asyncio.sleep(LAYER_SECONDS)
                self._pushed.clear()
            rows = await self._db.rows(
                "SELECT * FROM events WHERE kind = ? AND id > ? ORDER BY id", (RefsUpdated.kind, seen)
            )
            moved: dict[int, set[str]] = {}
            for row in rows:
                seen = row["id"]
                if isinstance(event := event_from(row), RefsUpdated):
                    moved.setdefault(event.repo_id, set()).update(c.new for c in event.changes if c.new)
            for repo_id, tips in moved.items():
                repo = await self._repositories.by_id(repo_id)
                if repo:
                    self._expect(repo)
                    if tips:
                        await self._add_layer(repo, tips if len(tips) <= ALL_AT_ONCE else ())

    async def _add_layer(
        self, repo: Repository, tips: set[str] | tuple[()], told: Callable[[str], None] | None = None
    ) -> None:
        try:
            async with self._for_layers.turn():
                await layers.add(self._for_layers, repo.path, tips, told)
        except (GitError, OSError) as error:
            self._failed(repo, "its commit-graph", error)

    def _expect(self, repo: Repository) -> None:
        """It was pushed to: look at its packs when the burst is over, or has lasted long enough."""
        now = time.monotonic()
        first = self._first.setdefault(repo.id, now)
        rest = REST_SECONDS if (repo.path / base_pack.RECORD).exists() else SOON_SECONDS
        self._due[repo.id] = min(now + rest, max(now, first + LATEST_SECONDS))
        self._changed.set()

    async def _work_on_packs(self) -> None:
        now = time.monotonic()
        for number, repo in enumerate(await self._repositories.everything()):
            self._due.setdefault(repo.id, now + START_SECONDS + number * APART_SECONDS)
        while True:
            repo_id = min(self._due, key=self._due.__getitem__, default=None)
            wait = self._due[repo_id] - time.monotonic() if repo_id is not None else DAY
            if repo_id is None or wait > 0:
                self._changed.clear()
                await _set_within(self._changed, wait)
                continue
            del self._due[repo_id]
            self._first.pop(repo_id, None)
            found = await self._repositories.by_id(repo_id)
            if found:
                put_off = await self._look_after(found)
                self._due.setdefault(repo_id, time.monotonic() + (AGAIN_SECONDS if put_off else DAY))

    async def _look_after(self, repo: Repository) -> bool:
        """Whether it is worth another look soon."""
        try:
            did, put_off = await self._care(repo, pressed=False)
        except (GitError, OSError) as error:
            self._failed(repo, "its packs", error)
            return False
        if did:
            log.info("%s: %s", repo.full_name, did)
        return put_off

    async def _care(self, repo: Repository, *, pressed: bool) -> tuple[str, bool]:
        """What was done, and whether something more waits for its time."""
        async with self._for_packs.turn():
            care = Care(self._for_packs, self._packing, repo.path, idle=_idle(repo), pressed=pressed)
            did = await care.give()
        if care.packed_anew:
            async with self._for_layers.turn():
                await layers.anew(self._for_layers, repo.path)
        if await self._note_paths(repo):
            did = f"{did}, changed paths noted".removeprefix(", ")
        return did, care.put_off

    async def _note_paths(self, repo: Repository) -> bool:
        """Once for each repository: it compares all trees, which takes longer than the layers of pushes should wait."""
        if repo.id in self._without_paths or not await asyncio.to_thread(layers.lack_paths, repo.path):
            return False
        try:
            async with self._for_packs.turn():
                await layers.with_paths(self._for_packs, repo.path)
        except GitError as error:
            if (
                ".lock" not in error.stderr
            ):  # else a layer of a push came at the same moment, and the next look has another try
                self._without_paths.add(repo.id)
            log.info("%s: its changed paths are not noted: %s", repo.full_name, error)
            return False
        async with self._for_layers.turn():  # what was pushed meanwhile
            await layers.add(self._for_layers, repo.path)
        return True

    def _failed(self, repo: Repository, what: str, error: Exception) -> None:
        if (repo.path / "HEAD").exists():  # else it was deleted meanwhile
            log.warning("upkeep of %s, %s: %s", repo.full_name, what, error)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` is set, or was in that time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def _idle(repo: Repository) -> float:
    return time.time() - (repo.pushed_at or repo.created_at)
