"""One thing that runs for a deployment, a step of its build or its app: started, followed to its end, ended, found again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gitperch_preview.contract import Ended, RunnerError
from gitperch_preview.runners.process import proc, words
from gitperch_preview.runners.process.cell import SYSTEM_PATH, exports

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

    from gitperch_preview.runners.process.cell import Cell, Spec
    from gitperch_preview.runners.process.cgroups import Group, Limits

GRACE_SECONDS = 5.0
START_SECONDS = 20.0
_PAUSE = 0.02
_OOM_SIGNALS = (signal.SIGKILL, signal.SIGTERM)  # the kernel's, and systemd's for what the kernel has left


class Run:
    """Processes that live and end together.

    `leader` is the first of them; `init`, with bubblewrap, the one that takes the others with it when it ends. `ended` has its result
    when nothing of them is left, as long as somebody is in `finish`.
    """

    def __init__(self, cell: Cell, deployment_id: int, repo_id: int, name: str, limits: Limits) -> None:
        """`name` is another one for everything that is started."""
        self.deployment_id = deployment_id
        self.name = name
        self.limits = limits
        self.uid = cell.uid(repo_id)
        self.unit = f"{cell.name}-{deployment_id}-{name}"
        self.marker = f"{cell.name}.{deployment_id}.{name}"
        self.group: Group | None = None
        self.ended: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self.problem = ""  # why the server ended it
        self.oom = False
        self.final = False
        self.afterwards: Callable[[], Awaitable[None]] | None = None
        """What is done when nothing of it runs any more, before anybody hears of its end."""
        self.leader: proc.Watched | None = None
        self.init: proc.Watched | None = None
        self._cell = cell
        self._child: subprocess.Popen[bytes] | None = None
        self._gone = asyncio.Event()
        self._finishing = asyncio.Lock()

    # Begin

    async def start(self, spec: Spec) -> None:
        """Raises RunnerError where it cannot be started; then nothing of it is left."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._start(spec)
        except TimeoutError:
            self.kill()
            raise RunnerError("The server was too busy to start a process. Push again later.") from None
        except OSError as error:
            self.kill()
            raise RunnerError(
                f"The server could not start a process: {error.strerror}. Tell whoever runs it."
            ) from None
        except asyncio.CancelledError:
            self.kill()
            raise

    async def _start(self, spec: Spec) -> None:
        cell = self._cell
        prefix, entry = [], None
        if cell.groups:
            prefix, entry = cell.groups.prefix(self.unit, spec.limits), cell.groups.make(self.unit, spec.limits)
        told, tell = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            command = await asyncio.to_thread(cell.command, spec, self.uid, str(entry or ""), tell)
            self._spawn([*prefix, *command], spec, [tell] if cell.bubblewrap else [])
            os.close(tell)
            tell = -1
            if cell.bubblewrap:
                await self._meet(told)
        finally:
            os.close(told)
            if tell >= 0:
                os.close(tell)
        await self._find_group()

    def _spawn(self, command: list[str], spec: Spec, descriptors: list[int]) -> None:
        # The wrappers run with more rights than the app: nothing that the app's author chose is in their environment.
        environment = {proc.MARKER: self.marker, "PATH": ":".join(SYSTEM_PATH), "LANG": "C.UTF-8"}
        environment["XDG_RUNTIME_DIR"] = f"/run/user/{os.geteuid()}"  # where a user's own systemd listens
        given = os.memfd_create("environment")
        output = os.open(spec.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            own = {**spec.environment, proc.MARKER: self.marker}
            os.write(given, exports(own))
            os.lseek(given, 0, os.SEEK_SET)
            self._child = subprocess.Popen(
                command,
                stdin=given,
                stdout=output,
                stderr=output,
                env=environment,
                cwd="/",
                pass_fds=descriptors,
                start_new_session=True,
            )
        except ValueError as error:
            raise RunnerError(
                f"The variable {error} cannot be in an environment: choose another name or value."
            ) from None
        finally:
            os.close(given)
            os.close(output)
        self._watch(proc.Watched(self._child.pid))

    async def _meet(self, told: int) -> None:
        """Wait for bubblewrap to say which process is the first of the new namespace."""
        text = b""
        while b"}" not in text:
            await _readable(told)
            chunk = os.read(told, 4096)
            if not chunk:
                break
            text += chunk
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            self.init = proc.Watched(int(json.loads(text)["child-pid"]))
        if not self.init:
            await self._gone.wait()  # it failed, and the log has its words

    async def _find_group(self) -> None:
        while self._cell.groups and not self.group and not self._gone.is_set():
            self.group = self._cell.groups.of(self._led.pid, self.unit)
            if not self.group:
                await asyncio.sleep(_PAUSE)

    # A server that was started again

    @property
    def handle(self) -> dict[str, str | int]:
        """What `adopt` needs."""
        leader = self._led
        first = self.init or leader
        return {
            "name": self.name,
            "memory": self.limits.memory,
            "boot": proc.boot(),
            "leader": leader.pid,
            "leader_started": leader.started,
            "first": first.pid,
            "first_started": first.started,
        }

    def adopt(self, handle: Mapping[str, str | int]) -> bool:
        """Take over what another process of this server started; False where it does not run any more."""
        try:
            leader = proc.Watched(int(handle["leader"]), int(handle["leader_started"]))
        except (OSError, KeyError, ValueError):
            return False
        if handle.get("boot") != proc.boot() or proc.marker(leader.pid) != self.marker:
            leader.close()
            return False
        self._watch(leader)
        if handle["first"] != handle["leader"]:
            try:
                self.init = proc.Watched(int(handle["first"]), int(handle["first_started"]))
            except (OSError, ValueError):
                self.kill()
                return False
        if self._cell.groups:
            self.group = self._cell.groups.of(leader.pid, self.unit)
        return True

    @property
    def began_at(self) -> float:
        """Unix seconds."""
        since_boot = self._led.started / os.sysconf("SC_CLK_TCK")
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot

    @property
    def _led(self) -> proc.Watched:
        assert self.leader  # noqa: S101 -- it was started or adopted
        return self.leader

    def _watch(self, leader: proc.Watched) -> None:
        self.leader = leader
        loop = asyncio.get_running_loop()

        def gone() -> None:
            loop.remove_reader(leader.fd)
            self._gone.set()

        loop.add_reader(leader.fd, gone)

    # Meanwhile

    def pids(self, among: Collection[proc.Process] | None = None) -> set[int]:
        """Its processes, without those that only hold it. Looks at all of the machine (`among`, if that was done already): for a thread."""
        if self.group:
            return self.group.pids() - ({self._led.pid, self.init.pid} if self.init else set())
        there = proc.alive() if among is None else among
        if self.init:
            return proc.family(there, [self.init.pid]) - {self.init.pid}
        return proc.family(there, [self._led.pid], self._led.pid)

    def listeners(self) -> Iterator[int]:
        """Its processes, those last that have left its family and still have its mark. For a thread."""
        if not self._gone.is_set():
            yield from self.pids()
            yield from proc.marked(self.marker)

    async def memory(self) -> int | None:
        """Bytes that it uses."""
        if self._gone.is_set():
            return None
        used = self.group.memory() if self.group else None
        return used if used is not None else await asyncio.to_thread(lambda: proc.memory(self.pids()))

    # End

    async def finish(self) -> Ended:
        """Wait until it ends by itself or by `end`, and see to it that nothing of it is left."""
        await self._gone.wait()
        async with self._finishing:
            if not self.ended.done():
                code = self._child.wait() if self._child else None
                self.kill()
                if self.init:
                    await _readable(self.init.fd)
                elif not self.group:
                    # With namespaces of their own, others of this user may well be without a mark that can be seen.
                    await sweep(self.marker, None if self._cell.bubblewrap else self.uid)
                ended = self._told(code)
                if self.group:
                    await emptied(self.group)
                if self.final:  # perhaps since it ended by itself
                    ended = replace(ended, reason=self.problem, final=True)
                if self.afterwards:
                    await self.afterwards()
                for watched in (self.leader, self.init):
                    if watched:
                        watched.close()
                self.ended.set_result(ended)
        return self.ended.result()

    async def end(self, reason: str = "It was stopped.") -> None:
        """Ask it to end, and have it ended after a grace."""
        if not self._gone.is_set():
            self.problem = self.problem or reason
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    # Where it is only just being started, there is nobody yet.
                    while not (asked := await asyncio.to_thread(self._asked)) and not self._gone.is_set():  # noqa: ASYNC110
                        await asyncio.sleep(_PAUSE)
                    proc.send(asked, signal.SIGTERM)
                    await self._gone.wait()
            self.kill()
        await self.finish()

    def _asked(self) -> set[int]:
        """Who is asked to end. A shell at the top that waits for others would end at once, and take them along before they are ready."""
        pids = self.pids()
        top = {one.pid for one in map(proc.process, pids) if one and one.parent == (self.init or self._led).pid}
        top |= {self._led.pid} & pids
        return pids - {pid for pid in top if proc.is_shell(pid)} or pids

    def kill(self) -> None:
        """End it at once. Needs no waiting, so that whoever is cancelled can do it."""
        if not self.leader:
            return
        if self.group:
            self.group.kill()
        if self.init:
            self.init.send(signal.SIGKILL)  # with it goes all of its namespace
        elif not self._gone.is_set():
            self.leader.send(signal.SIGSTOP)  # so that it does not fork while its family is looked for
            proc.send(self.pids(), signal.SIGKILL)
        self.leader.send(signal.SIGKILL)

    def _told(self, code: int | None) -> Ended:
        killed = not self.problem and (code is None or -code in _OOM_SIGNALS or code - 128 in _OOM_SIGNALS)
        oom = self.oom or bool(self.group and self.group.out_of_memory(killed=killed))
        if oom:
            return Ended(code, oom=True, reason=words.no_memory(self.limits.memory))
        return Ended(code, oom=False, reason=self.problem or words.exited(code))


async def emptied(group: Group) -> None:
    """Wait until a group that was killed is empty, and remove it."""
    for _ in range(100):
        if group.over:
            break
        await asyncio.sleep(_PAUSE)
    group.remove()


async def sweep(marker: str, uid: int | None) -> None:
    """End every process that has this marker, or descends from one, until there are none.

    `uid` is the repository's own user, if it has one: what runs as that and hides its marker goes as well.
    """
    for _ in range(200):
        found = await asyncio.to_thread(_marked_and_hidden, marker, uid)
        if not found:
            return
        proc.send(found, signal.SIGSTOP)  # so that they cannot fork while the others are looked for
        found |= await asyncio.to_thread(_marked_and_hidden, marker, uid)
        proc.send(found, signal.SIGKILL)
        await asyncio.sleep(_PAUSE)


def _marked_and_hidden(marker: str, uid: int | None) -> set[int]:
    found = set(proc.marked(marker))
    if uid is not None:
        found |= {one.pid for one in proc.of_user(uid) if not proc.marker(one.pid)}
    return found


def new_name() -> str:
    return secrets.token_hex(4)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
