"""Which containers have ended: told by the engine's events at once, and looked up whenever these were interrupted."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import Ended
from gitperch_preview.runners.docker.engine import EngineError, EngineGone
from gitperch_preview.runners.docker.streams import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitperch.host import Host
    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names

log = logging.getLogger("gitperch.preview.docker")

KILLED = 128 + signal.SIGKILL
_BACKOFF = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LATE_SECONDS = 0.25  # how long the news that memory ran out may come after that of the end
_HANDSHAKE_SECONDS = 10.0
_AGAIN_SECONDS = 2


@dataclass
class _Waiting:
    future: asyncio.Future[Ended]
    started: int  # nanoseconds since the epoch: ends before it were those of an earlier run
    memory: int
    oom: bool = False


class Watch:
    """`ended` gives the future of a container that was started. One stream of events serves all, from the first on."""

    def __init__(self, engine: Engine, names: Names, host: Host, forget: Callable[[], None]) -> None:
        """`forget` is called when the engine has been away."""
        self._engine = engine
        self._names = names
        self._tasks = host.tasks
        self._forget = forget
        self._waiting: dict[str, _Waiting] = {}
        self._listening = asyncio.Event()

    async def ended(self, container: str) -> tuple[asyncio.Future[Ended], dict[str, Any]]:
        """What will say how the container, which was started, ended; and its description now. Raises EngineError, EngineGone."""
        self._tasks.start("docker events", self._listen, restart=True)
        async with asyncio.timeout(_HANDSHAKE_SECONDS):
            await self._listening.wait()
        future: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        found: dict[str, Any] = await self._engine.get(f"/containers/{container}/json")
        waiting = self._waiting[found["Id"]] = _Waiting(
            future, nanoseconds(found["State"]["StartedAt"]), found["HostConfig"]["Memory"]
        )
        # It may have ended before anybody listened for it, or between the two lines above.
        await self._look(found["Id"], waiting)
        return future, found

    @property
    def running(self) -> set[str]:
        """The containers whose end is waited for."""
        return set(self._waiting)

    async def end(self, container: str, problem: str) -> None:
        """Remove a container at once, with all that it wrote, and only then have it ended, because of `problem`, for good."""
        waiting = self._waiting.pop(container, None)
        try:
            await self._engine.delete(f"/containers/{container}", force=True, v=True)
        except BaseException:
            if waiting:
                self._waiting[container] = waiting
            raise
        if waiting and not waiting.future.done():
            waiting.future.set_result(Ended(KILLED, oom=False, reason=problem, final=True))

    async def _listen(self) -> None:
        """Follow the events for ever, through every absence of the engine."""
        failures = 0
        while True:
            # The engine answers before it listens; what happens in between it has kept for `since`.
            since = str(int(time.time()) - _AGAIN_SECONDS)
            query = {"since": since, "filters": {"type": ["container"], "event": ["die", "oom"], **self._names.ours}}
            try:
                async with self._engine.stream("GET", "/events", query=query) as answer:
                    failures = 0
                    self._listening.set()
                    for container, waiting in list(self._waiting.items()):
                        await self._look(container, waiting)
                    async for event in messages(answer):
                        self._heard(event)
            except (EngineGone, EngineError) as error:
                log.info("the events of the Docker engine stopped: %s", error)
            self._listening.clear()
            self._forget()
            await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            failures += 1

    def _heard(self, event: Mapping[str, Any]) -> None:
        actor = event.get("Actor") or {}
        waiting = self._waiting.get(str(actor.get("ID")))
        if not waiting or int(event.get("timeNano") or 0) < waiting.started:
            return
        if event.get("Action") == "oom":
            waiting.oom = True
        elif event.get("Action") == "die":
            code = str((actor.get("Attributes") or {}).get("exitCode", ""))
            self._over(str(actor["ID"]), waiting, int(code) if code.isdecimal() else None)

    async def _look(self, container: str, waiting: _Waiting) -> None:
        try:
            found = await self._engine.find(f"/containers/{container}/json")
        except (EngineGone, EngineError) as error:
            log.info("%s", error)
            return  # the next look comes when the events come again
        state = found["State"] if found else {}
        if not state.get("Running"):
            waiting.oom = waiting.oom or bool(state.get("OOMKilled"))
            self._over(container, waiting, state.get("ExitCode"))

    def _over(self, container: str, waiting: _Waiting, code: int | None) -> None:
        if self._waiting.get(container) is not waiting:
            return  # `end` sees to it
        del self._waiting[container]
        if waiting.future.done():
            return
        if code == KILLED and not waiting.oom:
            # The engine hears of memory by another way than of the end.
            self._waiting[container] = waiting
            asyncio.get_running_loop().call_later(_LATE_SECONDS, self._settle, container, waiting, code)
        else:
            waiting.future.set_result(_ended(code, waiting.memory if waiting.oom else 0))

    def _settle(self, container: str, waiting: _Waiting, code: int) -> None:
        if self._waiting.get(container) is not waiting:
            return
        del self._waiting[container]
        if not waiting.future.done():
            waiting.future.set_result(_ended(code, waiting.memory if waiting.oom else 0))


def _ended(code: int | None, needed: int) -> Ended:
    """`needed`: where memory ran out, how much there was."""
    if needed and code:
        return Ended(code, oom=True, reason=f"It needed more memory than the {needed >> 20} MB that it may have.")
    if code is None:
        return Ended(None, oom=False, reason="Its container is gone.")
    if code > 128 and code - 128 in signal.valid_signals():
        return Ended(code, oom=False, reason=f"It was ended by {signal.Signals(code - 128).name}.")
    return Ended(code, oom=False, reason=f"It ended with status {code}.")


def nanoseconds(text: str) -> int:
    """A time of the engine's (RFC 3339 with up to nine digits) in nanoseconds since the epoch."""
    found = re.fullmatch(r"(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text)
    if not found or text.startswith("0001"):
        return 0
    whole = datetime.fromisoformat(found[1] + found[3].replace("Z", "+00:00"))
    return int(whole.timestamp()) * 10**9 + int((found[2] or "0").ljust(9, "0"))
