"""A container that fills the engine's disk is ended before nobody can push any more, and what it wrote is removed at once.

The same as for processes (`runners.process.filling`): free space is looked at often, which costs next to nothing. How much a container
has written the engine finds out by walking through all of its files (about 7 µs for each), so that is asked when it starts, and when little
is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.engine import EngineError
from gitperch_preview.runners.docker.names import PREVIEW, number
from gitperch_preview.runners.process.checkout import SPARE
from gitperch_preview.runners.process.filling import LATER_SECONDS, LOOK_SECONDS, MUCH, PROBLEM, nameless, nobody

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from gitperch.host import Host
    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names
    from gitperch_preview.runners.docker.watch import Watch

log = logging.getLogger("gitperch.preview.docker")

AGAIN_SECONDS = 60.0
AMPLE = 1 << 30  # no container writes so much before its files are counted
_WALK_SECONDS = 60.0


class Filling:
    """Looks while containers of this server run, or an image is built."""

    def __init__(
        self,
        engine: Engine,
        names: Names,
        host: Host,
        watch: Watch,
        free: Callable[[int], Awaitable[int]],
        *,
        inside: bool,
    ) -> None:
        """`free(bytes)` removes what can be made again; `inside`: this server is in a container itself."""
        self._engine = engine
        self._names = names
        self._host = host
        self._watch = watch
        self._free = free
        self._inside = inside
        self.rival: Callable[[int], Awaitable[int]] = nobody
        self.turn = asyncio.Lock()
        self._root: Path | None = None
        self._builds = 0
        self._ended_builds = 0
        self._before: dict[str, int] = {}  # by container: what it had written when it started
        self._emptied: dict[str, float] = {}  # caches, when (monotonic)

    async def begin(self, container: str, *, new: bool = False) -> None:
        """`container` is about to start, `new` and empty or not: what it writes from now on is counted."""
        self._before.pop(container, None)
        if new:
            self._before[container] = 0
        elif await self._little():
            await self._weigh(container)
        else:  # what it writes in the meantime is not missed
            self._host.tasks.start(f"size of container {container[:12]}", lambda: self._weigh(container))
        self._begin()

    def forget(self, container: str) -> None:
        """It is gone."""
        self._before.pop(container, None)

    @contextlib.contextmanager
    def building(self) -> Iterator[None]:
        """While an image is built. A RunnerError becomes one that says so where a step had to be ended for what it wrote."""
        self._builds += 1
        ended = self._ended_builds
        self._begin()
        try:
            yield
        except RunnerError as error:
            if self._ended_builds == ended:
                raise
            raise RunnerError(f"The image could not be made. {PROBLEM}") from error
        finally:
            self._builds -= 1

    def _begin(self) -> None:
        self._host.tasks.start("containers' disk", self._look)

    async def _weigh(self, container: str) -> None:
        with contextlib.suppress(
            RunnerError
        ):  # it has ended, or nobody answers; it is asked again when it starts again
            path = f"/containers/{container}/json"
            found = await self._engine.call("GET", path, query={"size": True}, timeout=_WALK_SECONDS)
            self._before[container] = int(found.get("SizeRw") or 0)

    async def disk(self) -> Path | None:
        """A folder on the engine's disk, None where this server cannot see that."""
        if not self._engine.address.startswith("unix:"):
            return None
        if self._inside:  # its data folder is a volume, which the engine keeps beside all else
            return self._host.config.data
        if not self._root:
            self._root = Path(str((await self._engine.get("/info")).get("DockerRootDir")))
        return self._root if self._root.is_dir() else None

    async def _little(self) -> bool:
        disk = await self.disk()
        return bool(disk and shutil.disk_usage(disk).free < AMPLE)

    async def _look(self) -> None:
        """Go on as long as anything runs, and once more."""
        try:
            disk = await self.disk()
        except RunnerError as error:
            log.info("the engine's disk is not looked at: %s", error)
            return
        some = disk is not None
        while disk and some:
            some = bool(self._watch.running or self._builds)
            await asyncio.sleep(LOOK_SECONDS)
            if _roomy(disk):
                continue
            try:
                async with self.turn:
                    found = _roomy(disk) or await self._end_one(disk.stat().st_dev)
                if not found:
                    await self._make_room(disk)
                    await asyncio.sleep(LATER_SECONDS if some else 0)
            except RunnerError as error:
                log.warning("the engine's disk is full, and it is not known by whom: %s", error)
                await asyncio.sleep(LATER_SECONDS)

    async def most_written(self, device: int) -> int:
        """Bytes that the greediest container has written since it began, where that is on the device of this number (stat(2))."""
        if not self._watch.running and not self._builds:
            return 0
        try:
            disk = await self.disk()
            if not disk or disk.stat().st_dev != device:
                return 0
            return max([await self._written(each) for each in (await self._running()).values()], default=0)
        except RunnerError as error:
            log.warning("how much containers have written is not known: %s", error)
            return 0

    async def _end_one(self, device: int) -> bool:
        """End the container that has written the most since it began; False where none has written much, or a process more."""
        running = await self._running()
        written = {container: await self._written(each) for container, each in running.items()}
        most = max(written, key=lambda container: written[container], default="")
        if not most or written[most] < MUCH or written[most] < await self.rival(device):
            return False
        await self._end(most, running[most])
        return True

    async def _running(self) -> dict[str, dict[str, Any]]:
        """The containers in this server's networks, also those in which images are built, with their sizes."""
        networks = [each["Name"] for each in await self._engine.get("/networks", filters=self._names.ours)]
        filters = {"network": networks, "status": ["running"]}
        query = {"size": True, "filters": filters}
        listed = (
            await self._engine.call("GET", "/containers/json", query=query, timeout=_WALK_SECONDS) if networks else []
        )
        return {str(each["Id"]): each for each in listed}

    async def _written(self, container: Mapping[str, Any]) -> int:
        """Bytes since it began. A step of a build is new; where an app's start has not been seen, nothing is known."""
        size = int(container.get("SizeRw") or 0)
        before = self._before.get(container["Id"], size if self._of_app(container) else 0)
        without_name = 0
        if os.geteuid() == 0 and not self._inside:  # nobody else could see it
            with contextlib.suppress(EngineError):
                top = await self._engine.get(f"/containers/{container['Id']}/top")
                column = top["Titles"].index("PID")
                pids = {int(process[column]) for process in top["Processes"]}
                without_name = await asyncio.to_thread(nameless, pids)
        return max(0, size - before) + without_name

    @staticmethod
    def _of_app(container: Mapping[str, Any]) -> bool:
        return number(container.get("Labels"), PREVIEW) is not None

    async def _end(self, container: str, described: Mapping[str, Any]) -> None:
        log.warning("container %s has filled the engine's disk, and is ended", container[:12])
        if self._of_app(described):
            await self._watch.end(container, PROBLEM)
            return
        self._ended_builds += 1
        with contextlib.suppress(EngineError):  # it ended by itself, which is as well
            await self._engine.delete(f"/containers/{container}", force=True, v=True)

    async def _make_room(self, disk: Path) -> None:
        """Empty caches. One that is full again soon, or held open, is being filled: by the container that came last."""
        usage = await self._engine.call("GET", "/system/df", timeout=_WALK_SECONDS)
        ours = [each for each in usage.get("Volumes") or () if self._names.owns(each.get("Labels"))]
        full = [each["Name"] for each in ours if int((each.get("UsageData") or {}).get("Size") or 0) >= MUCH]
        await self._free(SPARE)
        now = time.monotonic()
        for name in full:
            again = now < self._emptied.get(name, -AGAIN_SECONDS) + AGAIN_SECONDS
            if again or shutil.disk_usage(disk).free < SPARE:
                filters = {"volume": [name], "status": ["running"]}
                those = await self._engine.get("/containers/json", filters=filters)
                for container in sorted(those, key=lambda each: -int(each["Created"]))[:1]:
                    await self._end(str(container["Id"]), container)
        self._emptied = dict.fromkeys(full, now)


def _roomy(disk: Path) -> bool:
    return shutil.disk_usage(disk).free >= SPARE
