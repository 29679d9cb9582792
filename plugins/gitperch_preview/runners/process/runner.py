"""`ProcessRunner`: check out, install, build, start, stop; and what there is on this machine of all that."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError, Running, Thing, Upstream
from gitperch_preview.runners.process import checkout, dependencies, filling, proc
from gitperch_preview.runners.process.cell import Cell, Spec, cell
from gitperch_preview.runners.process.cgroups import Limits
from gitperch_preview.runners.process.listening import Listening
from gitperch_preview.runners.process.places import Places, bytes_in
from gitperch_preview.runners.process.ports import Ports
from gitperch_preview.runners.process.run import Run, emptied, new_name, sweep
from gitperch_preview.runners.process.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_preview.contract import Command, Deployment, Log
    from gitperch_preview.runners.process.cell import Home

ISOLATION = "isolation"  # in its folder: the words, as the server last found them
_FETCHES = "npx --yes "  # how a package manager is called that the machine does not have (recipes/managers.py)
CHECKOUT, CACHE, PROCESSES = "check-out", "cache", "processes"


class ProcessRunner:
    """A `contract.Runner`: apps are processes of this machine. `folder` is its own."""

    name = "process"
    shares_ports = True

    def __init__(self, host: Host, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._runs: dict[int, set[Run]] = {}
        self._busy: Counter[tuple[str, int]] = Counter()
        self._watch = Watch()
        self._ports = Ports()
        self._opening = asyncio.Lock()
        self._opened: tuple[Cell, Places] | None = None
        self._rival: Callable[[int], Awaitable[int]] = filling.nobody
        self._turn = asyncio.Lock()

    async def _open(self) -> tuple[Cell, Places]:
        """What this machine has, tried out at the first use."""
        async with self._opening:
            if not self._opened:
                found = await cell(self._folder, self._host.git.environment["PATH"])
                places = Places(self._folder, found)
                await asyncio.to_thread(places.prepare)
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / ISOLATION).write_text(found.problem or found.words, "utf-8")
                self._opened = found, places
                self._host.tasks.start("preview processes' limits", self._watch.look, restart=True)
                self._host.tasks.start("preview leavings", places.tidy)
        return self._opened

    @staticmethod
    def found(folder: Path) -> str:
        """In words, what the server whose runner has this folder found here when it last started; "" where none has."""
        try:
            return (folder / ISOLATION).read_text("utf-8")
        except FileNotFoundError:
            return ""

    async def usable(self) -> str:
        return (await self._open())[0].problem

    async def isolation(self) -> str:
        return (await self._open())[0].words

    async def build(self, deployment: Deployment, log: Log) -> None:
        try:
            with self._held(deployment):
                await self._build(deployment, log)
        except OSError as error:
            await self.discard(deployment.id)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise checkout.disk_full() from None
            raise RunnerError(f"The server could not build it: {error.strerror}. Tell whoever runs it.") from None
        except RunnerError:
            await self.discard(deployment.id)
            raise

    async def _build(self, deployment: Deployment, log: Log) -> None:
        found, places = await self._open()
        recipe, repo = deployment.recipe, deployment.repository
        if places.deployment(deployment.id).exists():
            await self.discard(deployment.id)
        home = await asyncio.to_thread(places.make, deployment.id, repo.id)
        log.heading(f"Checking out {deployment.oid[:12]}")
        await checkout.check_out(self._host, repo, deployment.oid, home.app, log)
        _require_folder(home.app, recipe.root)
        await places.give(home, repo.id)
        with_cache = replace(home, cache=places.make_cache(repo.id))
        if recipe.install:
            key = ""
            if found.bubblewrap:
                key = await asyncio.to_thread(dependencies.key, deployment, home.app, ":".join(found.path))
            await self._install(deployment, found, with_cache, log, key)
        steps = [("Building", one) for one in recipe.build]
        for title, command in [*steps, *([("Releasing", recipe.release)] if recipe.release else [])]:
            await self._step(title, deployment, found, with_cache, command, log)

    async def _install(self, deployment: Deployment, found: Cell, home: Home, log: Log, key: str = "") -> None:
        """Have what it depends on, under `key` from an earlier deployment of the branch, if there is one."""
        _, places = await self._open()
        if key and await dependencies.restore(places, deployment, key) is not None:
            log.heading(f"Dependencies as before, {deployment.recipe.install[0].source} has not changed")
        else:
            for command in deployment.recipe.install:
                await self._step("Installing", deployment, found, home, command, log)
            if key:
                await dependencies.save(places, deployment, key)
        places.lacking(deployment.id).unlink(missing_ok=True)
        places.installed(deployment.id).write_text(deployment.recipe.root, "utf-8")

    async def _step(
        self, title: str, deployment: Deployment, found: Cell, home: Home, command: Command, log: Log
    ) -> None:
        log.heading(f"{title}: {command.shown} ({command.source})")
        _, places = await self._open()
        memory = max(deployment.memory, self._host.config.previews.build_megabytes << 20)
        environment = _environment(deployment, found, home)
        run = await self._start(found, deployment, self._spec(deployment, home, command, environment, memory, log))
        try:
            ended = await run.finish()
        finally:
            run.kill()
        if ended.final:  # what it wrote is removed already
            raise RunnerError(f"`{command.shown}` was ended. {ended.reason}")
        if ended.code:
            full = shutil.disk_usage(places.root).free < checkout.SPARE
            more = " The disk is full." if full else "" if ended.oom else ended.remedy
            raise RunnerError(f"`{command.shown}` failed. {ended.reason}{more}")
        if ended.oom:
            raise RunnerError(f"`{command.shown}` failed. {ended.reason}")

    async def start(self, deployment: Deployment, log: Log, command: Command | None) -> Running:
        with self._held(deployment):
            return await self._begin(deployment, log, command)

    async def _begin(self, deployment: Deployment, log: Log, command: Command | None) -> Running:
        found, places = await self._open()
        if not command:
            raise RunnerError("There is no command that would start it: name one in gitperch.toml, [preview] command.")
        home = places.home(deployment.id)
        if not home.app.is_dir():
            raise RunnerError(
                "Its check-out is gone from this machine. Push again, or restart the preview, to have it built anew."
            )
        _require_folder(home.app, deployment.recipe.root)
        if places.lacking(deployment.id).exists():
            log.heading("Its dependencies made room on the disk, and are installed again")
            cache = places.make_cache(deployment.repository.id)
            await self._install(deployment, found, replace(home, cache=cache), log)
        port = self._ports.take(deployment.id, deployment.recipe.port)
        fetches = _FETCHES in command.line  # what the build has fetched, and the registry is not asked for it once more
        if fetches:
            home = replace(home, cache=places.make_cache(deployment.repository.id))
        environment = _environment(deployment, found, home) | {"PORT": str(port), "HOST": "127.0.0.1"}
        if fetches:
            environment["npm_config_prefer_offline"] = "true"
        spec = self._spec(deployment, home, command, environment, deployment.memory, log)
        run = await self._start(found, deployment, spec)
        handle = {**run.handle, "port": port}
        return _running(deployment, run, port, handle)

    async def adopt(self, deployment: Deployment, handle: Mapping[str, str | int]) -> Running | None:
        found, _ = await self._open()
        try:
            name, memory, port = str(handle["name"]), int(handle["memory"]), int(handle["port"])
        except (KeyError, ValueError):
            name, memory, port = "", 0, 0
        run = Run(found, deployment.id, deployment.repository.id, name, self._limits(memory))
        adopted = bool(name) and run.adopt(handle)
        if run.leader:
            self._follow(run)
        there = await asyncio.to_thread(proc.marked, f"{found.name}.{deployment.id}.")
        for marker in set(there.values()) - ({run.marker} if adopted else set()):
            await sweep(marker, None)
        if not adopted:
            return None
        self._ports.keep(deployment.id, port)
        return _running(deployment, run, port, {**handle})

    async def stop(self, running: Running) -> None:
        for run in self._of(running):
            await run.end()

    async def memory(self, running: Running) -> int | None:
        for run in self._of(running):
            return await run.memory()
        return None

    async def things(self) -> Sequence[Thing]:
        found, places = await self._open()
        things = [Thing(CHECKOUT, str(number), None, number) for number in places.numbered("checkouts")]
        things += [Thing(CACHE, str(number), number, None) for number in places.numbered("caches")]
        markers = set((await asyncio.to_thread(proc.marked, f"{found.name}.")).values())
        if found.groups:  # an app may have hidden its mark, but not left its group
            groups = await asyncio.to_thread(found.groups.left, f"{found.name}-")
            markers |= {".".join(group.unit.rsplit("-", 2)) for group in groups}
        for marker in sorted(markers):
            deployment_id = marker.split(".")[1]
            if deployment_id.isdecimal():
                things.append(Thing(PROCESSES, marker, None, int(deployment_id)))
        return things

    async def remove(self, thing: Thing) -> None:
        found, places = await self._open()
        if thing.kind == CHECKOUT and thing.deployment_id is not None:
            await self.discard(thing.deployment_id)
        elif thing.kind == CACHE and thing.repo_id is not None:
            await places.remove(places.cache(thing.repo_id))
        elif thing.kind == PROCESSES and thing.name.startswith(f"{found.name}."):
            for run in [run for runs in self._runs.values() for run in runs if run.marker == thing.name]:
                await run.end()
            await sweep(thing.name, None)
            await _end_groups(found, thing.name.replace(".", "-"))

    async def discard(self, deployment_id: int) -> None:
        found, places = await self._open()
        for run in list(self._runs.get(deployment_id, ())):
            await run.end()
        await sweep(f"{found.name}.{deployment_id}.", None)
        await _end_groups(found, f"{found.name}-{deployment_id}-")
        await places.remove(places.deployment(deployment_id))

    async def free(self, wanted: int) -> int:
        _, places = await self._open()
        won = 0
        for number in places.numbered("caches"):
            if won < wanted and (CACHE, number) not in self._busy:
                won += await asyncio.to_thread(bytes_in, places.cache(number))
                await places.remove(places.cache(number))
        for number in places.numbered("checkouts"):  # those that sleep: they install again before they start
            if won < wanted and self._sleeps(places, number):
                folders = places.dependencies(number)
                size = sum([await asyncio.to_thread(bytes_in, folder) for folder in folders])
                if self._sleeps(places, number):  # still
                    places.installed(number).rename(places.lacking(number))
                    await places.remove(*folders, places.kept(number))
                    won += size
        return won

    def _sleeps(self, places: Places, number: int) -> bool:
        return number not in self._runs and (CHECKOUT, number) not in self._busy and places.installed(number).exists()

    @contextmanager
    def _held(self, deployment: Deployment) -> Iterator[None]:
        """While something is made of it, nothing that this needs is taken away."""
        held = Counter([(CHECKOUT, deployment.id), (CACHE, deployment.repository.id)])
        self._busy += held
        try:
            yield
        finally:
            self._busy -= held

    def beside(self, most_written: Callable[[int], Awaitable[int]], turn: asyncio.Lock) -> None:
        """There is another runner, whose apps may fill the same disk; `most_written` is as this one's own. One at a time ends anybody."""
        self._rival, self._turn = most_written, turn

    async def most_written(self, device: int) -> int:
        """Bytes that the greediest app has written since it began, where that is on the device of this number (stat(2))."""
        if not self._opened or self._opened[1].root.stat().st_dev != device:
            return 0
        return max((await filling.written(self._runs, self._opened[1])).values(), default=0)

    async def close(self) -> None:
        await asyncio.gather(
            *(run.end("The server stopped.") for runs in list(self._runs.values()) for run in list(runs))
        )

    async def _start(self, found: Cell, deployment: Deployment, spec: Spec) -> Run:
        if found.problem:
            raise RunnerError(found.problem)
        run = Run(found, deployment.id, deployment.repository.id, new_name(), spec.limits)
        try:
            await run.start(spec)
        finally:
            if run.leader:  # also where it was killed at once: somebody has to see it end
                self._follow(run)
        return run

    def _follow(self, run: Run) -> None:
        runs = self._runs.setdefault(run.deployment_id, set())
        runs.add(run)
        self._watch.add(run)

        def over(_: object) -> None:
            runs.discard(run)
            if not runs:
                self._runs.pop(run.deployment_id, None)
                self._ports.give_back(run.deployment_id)

        run.ended.add_done_callback(over)
        self._host.tasks.start(f"preview process {run.unit}", functools.partial(_followed, run))
        if self._opened:
            self._host.tasks.start(
                "preview processes' disk",
                functools.partial(filling.look, self._runs, self._opened[1], self.free, self._rival, self._turn),
            )

    def _of(self, running: Running) -> list[Run]:
        name = running.handle.get("name")
        return [run for run in self._runs.get(running.deployment_id, ()) if run.name == name]

    def _spec(
        self,
        deployment: Deployment,
        home: Home,
        command: Command,
        environment: Mapping[str, str],
        memory: int,
        log: Log,
    ) -> Spec:
        folder = deployment.recipe.root
        limits = self._limits(memory)
        return Spec(deployment.id, deployment.repository.id, home, folder, command.line, environment, limits, log.path)

    def _limits(self, memory: int) -> Limits:
        settings = self._host.config.previews
        return Limits(memory, settings.processes, settings.cpus)


def _running(deployment: Deployment, run: Run, port: int, handle: Mapping[str, str | int]) -> Running:
    uid = os.geteuid() if run.uid is None else run.uid
    return Running(deployment.id, Upstream("127.0.0.1", port, Listening(port, run.listeners, uid)), handle, run.ended)


async def _end_groups(found: Cell, beginning: str) -> None:
    for group in await asyncio.to_thread(found.groups.left, beginning) if found.groups else ():
        group.kill()
        await emptied(group)


async def _followed(run: Run) -> None:
    await run.finish()


def _environment(deployment: Deployment, found: Cell, home: Home) -> dict[str, str]:
    """What a process is given: nothing of the server's own environment."""
    seen = found.inside(home)
    given = {
        "PATH": ":".join(found.path),
        "HOME": str(seen.home),
        "TMPDIR": str(seen.tmp),
        "LANG": "C.UTF-8",
        "npm_config_update_notifier": "false",
    }
    if seen.cache:
        given |= {
            "npm_config_cache": f"{seen.cache}/npm",
            "npm_config_audit": "false",
            "npm_config_fund": "false",
            "YARN_CACHE_FOLDER": f"{seen.cache}/yarn",
            "BUN_INSTALL_CACHE_DIR": f"{seen.cache}/bun",
            "PIP_CACHE_DIR": f"{seen.cache}/pip",
            "UV_CACHE_DIR": f"{seen.cache}/uv",
            "POETRY_CACHE_DIR": f"{seen.cache}/poetry",
        }
        if any(
            "pnpm" in command.line for command in deployment.recipe.install
        ):  # npm complains about what it does not know
            given["npm_config_store_dir"] = f"{seen.cache}/pnpm"
    return given | dict(deployment.environment)


def _require_folder(app: Path, root: str) -> None:
    """Raises RunnerError unless `root` is a folder of the check-out."""
    path = os.path.realpath(app / root)
    if root.startswith("/") or not (path + "/").startswith(os.path.realpath(app) + "/") or not os.path.isdir(path):  # noqa: PTH112
        raise RunnerError(f"root is {root!r}, which is no folder of this commit. Change it in gitperch.toml.")
