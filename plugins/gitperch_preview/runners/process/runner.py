"""`ProcessRunner`: check out, install, build, start, stop; and what there is on this machine of all that."""

from __future__ import annotations

import asyncio
import errno
import functools
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError, Running, Thing, Upstream
from gitperch_preview.runners.process import checkout, proc
from gitperch_preview.runners.process.cell import Cell, cell
from gitperch_preview.runners.process.places import Places, bytes_in
from gitperch_preview.runners.process.ports import Ports
from gitperch_preview.runners.process.run import Run, Spec, new_name, sweep
from gitperch_preview.runners.process.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_preview.contract import Command, Deployment, Log
    from gitperch_preview.runners.process.cell import Home

CHECKOUT, CACHE, PROCESSES = "check-out", "cache", "processes"


class ProcessRunner:
    """A `contract.Runner`: apps are processes of this machine. `folder` is its own."""

    name = "process"

    def __init__(self, host: Host, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self._runs: dict[int, set[Run]] = {}
        self._watch = Watch()
        self._ports = Ports()
        self._opening = asyncio.Lock()
        self._opened: tuple[Cell, Places] | None = None

    async def _open(self) -> tuple[Cell, Places]:
        """What this machine has, tried out at the first use."""
        async with self._opening:
            if not self._opened:
                found = await cell(self._folder, self._host.git.environment["PATH"])
                places = Places(self._folder, found)
                places.prepare()
                self._opened = found, places
                self._host.tasks.start("preview processes' limits", self._watch.look, restart=True)
                self._host.tasks.start("preview leavings", places.tidy)
        return self._opened

    async def usable(self) -> str:
        return (await self._open())[0].problem

    async def isolation(self) -> str:
        return (await self._open())[0].words

    async def build(self, deployment: Deployment, log: Log) -> None:
        try:
            async with asyncio.timeout(self._host.config.previews.build_seconds):
                await self._build(deployment, log)
        except TimeoutError:
            await self.discard(deployment.id)
            seconds = self._host.config.previews.build_seconds
            raise RunnerError(f"The build was not done after {seconds:g} s, and was ended.") from None
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
        with_cache = replace(home, cache=places.cache(repo.id))
        steps = [("Installing", one) for one in recipe.install] + [("Building", one) for one in recipe.build]
        steps += [("Releasing", recipe.release)] if recipe.release else []
        for title, command in steps:
            log.heading(f"{title}: {command.line} ({command.source})")
            await self._step(deployment, found, with_cache, command, log)

    async def _step(self, deployment: Deployment, found: Cell, home: Home, command: Command, log: Log) -> None:
        memory = max(deployment.memory, self._host.config.previews.build_memory_bytes)
        environment = _environment(deployment, found, home)
        run = await self._start(found, deployment, self._spec(deployment, home, command, environment, memory, log))
        try:
            ended = await run.finish()
        finally:
            run.kill()
        if ended.code:
            full = shutil.disk_usage(home.app).free < checkout.SPARE
            raise RunnerError(f"`{command.line}` failed: {'the disk is full; ' if full else ''}{ended.reason}.")
        if ended.oom:
            raise RunnerError(f"`{command.line}` failed: {ended.reason}.")

    async def start(self, deployment: Deployment, log: Log, command: Command | None) -> Running:
        found, places = await self._open()
        if not command:
            raise RunnerError("There is no command that would start it: name one in gitperch.toml, [preview] command.")
        home = places.home(deployment.id)
        if not home.app.is_dir():
            raise RunnerError(
                "Its check-out is gone from this machine. Push again, or restart the preview, to have it built anew."
            )
        _require_folder(home.app, deployment.recipe.root)
        port = self._ports.take(deployment.id, deployment.recipe.port)
        environment = _environment(deployment, found, home) | {"PORT": str(port), "HOST": "127.0.0.1"}
        spec = self._spec(deployment, home, command, environment, deployment.memory, log)
        run = await self._start(found, deployment, spec)
        handle = {**run.handle, "port": port}
        return Running(deployment.id, Upstream("127.0.0.1", port), handle, run.ended)

    async def adopt(self, deployment: Deployment, handle: Mapping[str, str | int]) -> Running | None:
        found, _ = await self._open()
        try:
            name, memory, port = str(handle["name"]), int(handle["memory"]), int(handle["port"])
        except (KeyError, ValueError):
            name, memory, port = "", 0, 0
        run = Run(found, deployment.id, deployment.repository.id, name, memory)
        adopted = bool(name) and run.adopt(handle)
        beginning = f"{found.name}.{deployment.id}."
        for marker in set((await asyncio.to_thread(proc.marked, beginning)).values()) - (
            {run.marker} if adopted else set()
        ):
            await sweep(marker, None)
        if not adopted:
            return None
        self._ports.keep(deployment.id, port)
        self._follow(run)
        return Running(deployment.id, Upstream("127.0.0.1", port), {**handle}, run.ended)

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

    async def discard(self, deployment_id: int) -> None:
        found, places = await self._open()
        for run in list(self._runs.get(deployment_id, ())):
            await run.end()
        await sweep(f"{found.name}.{deployment_id}.", None)
        for path in found.groups.left(f"{found.name}-{deployment_id}-") if found.groups else ():
            path.rmdir()
        await places.remove(places.deployment(deployment_id))

    async def free(self, wanted: int) -> int:
        _, places = await self._open()
        won = 0
        for number in places.numbered("caches"):
            if won >= wanted:
                break
            path = places.cache(number)
            won += await asyncio.to_thread(bytes_in, path)
            await places.remove(path)
        return won

    async def close(self) -> None:
        await asyncio.gather(
            *(run.end("the server stopped") for runs in list(self._runs.values()) for run in list(runs))
        )

    async def _start(self, found: Cell, deployment: Deployment, spec: Spec) -> Run:
        if found.problem:
            raise RunnerError(found.problem)
        run = Run(found, deployment.id, deployment.repository.id, new_name(), spec.memory)
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
        return Spec(deployment.id, deployment.repository.id, home, folder, command.line, environment, memory, log.path)


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
            "npm_config_store_dir": f"{seen.cache}/pnpm",
            "YARN_CACHE_FOLDER": f"{seen.cache}/yarn",
            "BUN_INSTALL_CACHE_DIR": f"{seen.cache}/bun",
            "PIP_CACHE_DIR": f"{seen.cache}/pip",
            "UV_CACHE_DIR": f"{seen.cache}/uv",
            "POETRY_CACHE_DIR": f"{seen.cache}/poetry",
        }
    return given | dict(deployment.environment)


def _require_folder(app: Path, root: str) -> None:
    """Raises RunnerError unless `root` is a folder of the check-out."""
    path = os.path.realpath(app / root)
    if root.startswith("/") or not (path + "/").startswith(os.path.realpath(app) + "/") or not os.path.isdir(path):  # noqa: PTH112
        raise RunnerError(f"root is {root!r}, which is no folder of this commit. Change it in gitperch.toml.")
