"""The runner `docker`: see `gitperch_preview.contract.Runner` for what each method promises."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gitperch_preview.contract import Ended, RunnerError, Running, Thing, Upstream
from gitperch_preview.runners.docker import containers, names, tidying
from gitperch_preview.runners.docker.door import Doors
from gitperch_preview.runners.docker.engine import Engine, EngineError, EngineGone
from gitperch_preview.runners.docker.filling import Filling
from gitperch_preview.runners.docker.follow import Follower
from gitperch_preview.runners.docker.images import Images, exposed
from gitperch_preview.runners.docker.names import Names
from gitperch_preview.runners.docker.sites import Sites
from gitperch_preview.runners.docker.walls import Walls
from gitperch_preview.runners.docker.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from gitperch.host import Host
    from gitperch_preview.contract import Command, Deployment, Log

log = logging.getLogger("gitperch.preview.docker")

# The statuses of contrib/preview/entrypoint.sh.
_FAILED = {71: "The branch could not be cloned", 72: "Installing failed", 73: "Building failed", 74: "Releasing failed"}
_BUILD_SECONDS = 4 * 3600.0  # an outer bound; `previews.build_seconds` comes first
_START_SECONDS = 60.0
_AWAY_SECONDS, _AWAY_PAUSE = 30.0, 0.25
_LOG_SECONDS = 5.0
_STAY_SECONDS = 15.0  # of the 20 that the entry point waits
_IMAGE = "image"


@dataclass(frozen=True)
class _Stayed:
    """A container that waits after its build: with which environment, and until when (monotonic) that is sure."""

    environment: Mapping[str, str]
    until: float


class DockerRunner:
    """Containers on the engine that `previews.docker` names. Nothing is asked of it before something is wanted."""

    name = "docker"
    shares_ports = False

    def __init__(self, host: Host, folder: Path) -> None:
        settings = host.config.previews
        self._host = host
        self._settings = settings
        self._names = Names(folder)
        self._engine = Engine(settings.docker)
        self._images = Images(self._engine, self._names, host.git, settings.image)
        self._sites = Sites(self._engine, self._names, settings.networks)
        self._walls = Walls(self._engine, self._names, self._images.base, outside=bool(self._sites.own))
        self._doors = Doors(host, folder)
        self._watch = Watch(self._engine, self._names, host, self._forget)
        self._follower = Follower(self._engine, host, folder / "read")
        self._filling = Filling(self._engine, self._names, host, self._watch, self.free, inside=bool(self._sites.own))
        self.most_written = self._filling.most_written
        self._staying: dict[int, _Stayed] = {}  # by deployment

    def beside(self, most_written: Callable[[int], Awaitable[int]], turn: asyncio.Lock) -> None:
        """There is another runner, whose apps may fill the same disk; `most_written` is as this one's own. One at a time ends anybody."""
        self._filling.rival, self._filling.turn = most_written, turn

    def _forget(self) -> None:
        """The engine was away, and may be another, on a machine that was started anew."""
        self._walls.forget()
        self._engine.forget()

    async def usable(self) -> str:
        if not self._settings.docker:
            return "Docker is turned off: previews.docker is empty."
        try:
            found = await self._engine.version()
        except RunnerError as error:
            return str(error)
        if found.get("Os") != "linux":
            return f"The Docker engine runs containers of {found.get('Os')}; previews are made of Linux ones."
        return ""

    async def isolation(self) -> str:
        return "container, own network"

    async def build(self, deployment: Deployment, log: Log) -> None:
        await self.discard(deployment.id)
        if deployment.recipe.kind == _IMAGE:
            await self._build_image(deployment, log)
        else:
            await self._prepare(deployment, log)

    async def _build_image(self, deployment: Deployment, log: Log) -> None:
        recipe = deployment.recipe
        if self._walls.need_image:
            await self._images.bring_base(log)
        site, _ = await self._ground(deployment)
        for command in recipe.build:
            log.line(f"{command.shown} ({command.source}) is left out: the {recipe.dockerfile} says how it is built")
        limits = containers.build_limits(self._build_memory(deployment), self._settings.cpus)
        with self._filling.building():
            await self._images.build(deployment, log, site, limits, _BUILD_SECONDS)
        if recipe.release:
            log.heading(f"Releasing: {recipe.release.shown} ({recipe.release.source})")
            wanted = containers.of_image(
                deployment, self._names, containers.PORT, recipe.release, self._limits(deployment, site)
            )
            container = await self._create(deployment, wanted, "-release")
            ended = await self._finish(container, log)
            await self._remove_container(container)
            if ended:
                _require_success(ended, "Releasing failed")

    async def _prepare(self, deployment: Deployment, log: Log) -> None:
        """Clone, install, build and release in the container that will be started again for the app."""
        await self._images.bring_base(log)
        site, clone_url = await self._ground(deployment)
        limits = self._limits(deployment, site, self._build_memory(deployment))
        wanted = containers.of_base(deployment, self._names, self._images.base, clone_url, limits)
        container = await self._create(deployment, wanted)
        loan = self._host.tokens.lend(deployment.repository, _BUILD_SECONDS)
        try:
            word = secrets.token_hex(16)
            await self._put(container, containers.preparing(deployment, loan.secret, word))
            ended = await self._finish(container, log, self._follower.word(container, word))
        finally:
            self._host.tokens.take_back(loan)
        if ended:
            _require_success(ended)
        else:
            self._staying[deployment.id] = _Stayed(dict(deployment.environment), time.monotonic() + _STAY_SECONDS)

    async def start(self, deployment: Deployment, log: Log, command: Command | None) -> Running:
        await self._engine_there()
        if deployment.recipe.kind == _IMAGE:
            site, _ = await self._ground(deployment)
            container, port = await self._container_of_image(deployment, command, site)
            await self._engine.call("POST", f"/containers/{container}/start", timeout=_START_SECONDS)
        else:
            container, port = await self._start_base(deployment, command)
        self._follower.start(container, log.path)
        return await self._running(deployment, container, port)

    async def _container_of_image(self, deployment: Deployment, command: Command | None, site: str) -> tuple[str, int]:
        image = await self._images.find(self._names.image(deployment.id))
        if not image:
            raise RunnerError(
                "Its image is gone from the engine. Push again, or restart the preview, to have it built anew."
            )
        port = deployment.recipe.port or exposed(image) or containers.PORT
        wanted = containers.of_image(deployment, self._names, port, command, self._limits(deployment, site))
        found = await self._engine.find(f"/containers/{self._names.container(deployment.id)}/json")
        if found and (found["Config"].get("Labels") or {}).get(names.FITS) == wanted["Labels"][names.FITS]:
            await self._filling.begin(found["Id"])
            return str(found["Id"]), port  # it slept, and has what it wrote
        if found:
            await self._remove_container(found["Id"])
        container = await self._create(deployment, wanted)
        await self._filling.begin(container, new=True)
        return container, port

    async def _start_base(self, deployment: Deployment, command: Command | None) -> tuple[str, int]:
        """Have the container that was built, or that sleeps, run `command`; and the port it is told."""
        if not command:
            raise RunnerError("There is no command that would start it: name one in gitperch.toml, [preview] command.")
        found = await self._engine.find(f"/containers/{self._names.container(deployment.id)}/json")
        if not found:
            raise RunnerError(
                "Its container is gone from the engine. Push again, or restart the preview, to have it built anew."
            )
        container, path = str(found["Id"]), f"/containers/{found['Id']}"
        memory = containers.limits(deployment.memory, self._settings.cpus)
        await self._filling.begin(container)
        stayed = self._staying.pop(deployment.id, None)
        if not (stayed and found["State"]["Running"] and await self._go_on(path, deployment, command, stayed, memory)):
            await self._ground(deployment)
            await self._end(container)
            await self._engine.call("POST", f"{path}/update", json=memory)
            await self._put(container, containers.starting(deployment, command))
            await self._engine.call("POST", f"{path}/start", timeout=_START_SECONDS)
        return container, deployment.recipe.port or containers.PORT

    async def _go_on(
        self, path: str, deployment: Deployment, command: Command, stayed: _Stayed, memory: Mapping[str, int]
    ) -> bool:
        """Whether a container that stayed after its build now runs `command`, without having been started anew."""
        if time.monotonic() > stayed.until:
            return False
        try:
            # Refused while what its build holds is more than that.
            await self._engine.call("POST", f"{path}/update", json=memory)
            if command != deployment.recipe.commands[0] or stayed.environment != deployment.environment:
                await self._put(path.rpartition("/")[2], containers.starting(deployment, command))
            await self._engine.call("POST", f"{path}/kill", query={"signal": "SIGUSR1"})
        except EngineError as error:
            log.info("the container is started anew: %s", error)
            return False
        return True

    async def _running(self, deployment: Deployment, container: str, port: int) -> Running:
        ended, found = await self._watch.ended(container)
        networks = found["NetworkSettings"]["Networks"].values()
        address = next((str(network["IPAddress"]) for network in networks if network.get("IPAddress")), "")
        if not address and not ended.done():
            raise RunnerError("The engine has given the container no address.")
        return Running(deployment.id, Upstream(address, port), {"container": container, "port": port}, ended)

    async def adopt(self, deployment: Deployment, handle: Mapping[str, str | int]) -> Running | None:
        await self._engine_there()
        listed = await self._engine.get("/containers/json", filters=self._names.of_preview(deployment.id))
        running = {str(container["Id"]) for container in listed}
        container, port = str(handle.get("container")), str(handle.get("port"))
        known = container in running and port.isdecimal()
        for other in running - ({container} if known else set()):
            await self._end(other)
        if not known:
            return None
        await self._ground(deployment)
        self._follower.resume(container)
        await self._filling.begin(container)
        adopted = await self._running(deployment, container, int(port))
        return None if adopted.ended.done() else adopted

    async def stop(self, running: Running) -> None:
        container = str(running.handle["container"])
        await self._end(container)
        await self._follower.caught_up(container, _LOG_SECONDS)

    async def memory(self, running: Running) -> int | None:
        path = f"/containers/{running.handle['container']}/stats"
        found = await self._engine.find(path, **{"stream": False, "one-shot": True})
        used = (found or {}).get("memory_stats") or {}
        if "usage" not in used:
            return None
        stats = used.get("stats") or {}
        return max(0, int(used["usage"]) - int(stats.get("total_inactive_file", stats.get("inactive_file", 0))))

    async def things(self) -> Sequence[Thing]:
        found = await tidying.things(self._engine, self._names)
        if any(thing.kind == tidying.NETWORK for thing in found):
            await self._walls.again()
        return found

    async def remove(self, thing: Thing) -> None:
        if thing.kind == tidying.NETWORK:
            await self._sites.leave(thing.name)
        await tidying.remove(self._engine, thing)
        if thing.kind == tidying.NETWORK:
            self._doors.shut(thing.repo_id)
            if not await self._engine.get("/networks", filters=self._names.ours):
                await self._walls.fall()

    async def discard(self, deployment_id: int) -> None:
        for container in await tidying.discard(self._engine, self._names, deployment_id):
            self._follower.forget(container)
            self._filling.forget(container)
        self._staying.pop(deployment_id, None)

    async def free(self, wanted: int) -> int:
        return await tidying.free(self._engine, self._names, self._images.base, wanted)

    async def close(self) -> None:
        await self._doors.close()

    async def _engine_there(self) -> None:
        """Wait a while for an engine that is being started anew, as by an update. Raises EngineGone where it stays away."""
        until = time.monotonic() + _AWAY_SECONDS
        while True:
            try:
                await self._engine.ping()
            except EngineGone:
                if time.monotonic() > until:
                    raise
            else:
                return
            await asyncio.sleep(_AWAY_PAUSE)

    async def _ground(self, deployment: Deployment) -> tuple[str, str]:
        """The site's network, walled off, and where to clone from inside."""
        repo = deployment.repository
        site = await self._sites.ready(repo)
        if self._settings.clone_url:
            ports, origin = [_port(self._settings.clone_url)], self._settings.clone_url
        else:
            port = await self._doors.open(repo.id, site.address)
            ports, origin = [port], f"http://{site.address}:{port}"
        await self._walls.stand(ports, await self._sites.addresses())
        return site.name, f"{origin.rstrip('/')}/{repo.full_name}.git"

    def _limits(self, deployment: Deployment, site: str, memory: int | None = None) -> dict[str, Any]:
        return containers.walled(site, memory or deployment.memory, self._settings.cpus, self._settings.processes)

    def _build_memory(self, deployment: Deployment) -> int:
        return max(deployment.memory, self._settings.build_megabytes << 20)

    async def _create(self, deployment: Deployment, wanted: Mapping[str, Any], part: str = "") -> str:
        query = {"name": self._names.container(deployment.id, part)}
        for last in (False, True):
            try:
                made = await self._engine.call("POST", "/containers/create", query=query, json=wanted)
                break
            except EngineError as error:
                if error.status != 409 or last:
                    raise
                # Whoever asked for it before was cancelled while the engine made it.
                await self._engine.delete(f"/containers/{query['name']}", force=True, v=True)
        return str(made["Id"])

    async def _put(self, container: str, archive: bytes) -> None:
        await self._engine.call("PUT", f"/containers/{container}/archive", query={"path": "/"}, data=archive)

    async def _finish(self, container: str, log: Log, word: asyncio.Event | None = None) -> Ended | None:
        """Start a container, and wait for its end, with all that it says in the log; None where it says its word first, and stays."""
        await self._filling.begin(container, new=True)
        await self._engine.call("POST", f"/containers/{container}/start", timeout=_START_SECONDS)
        self._follower.start(container, log.path)
        ended, _ = await self._watch.ended(container)
        said = asyncio.ensure_future((word or asyncio.Event()).wait())
        try:
            async with asyncio.timeout(_BUILD_SECONDS):
                waited: list[asyncio.Future[Any]] = [ended, said]
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await asyncio.shield(self._end(container, grace=0))
            raise
        finally:
            said.cancel()
        if not ended.done():
            return None
        await self._follower.caught_up(container, _LOG_SECONDS)
        return ended.result()

    async def _end(self, container: str, grace: int = containers.GRACE_SECONDS) -> None:
        try:
            await self._engine.call("POST", f"/containers/{container}/stop", query={"t": grace}, timeout=grace + 30)
        except EngineError as error:
            if error.status not in (304, 404):
                raise

    async def _remove_container(self, container: str) -> None:
        await self._engine.delete(f"/containers/{container}", force=True, v=True)
        self._follower.forget(container)
        self._filling.forget(container)


def _require_success(ended: Ended, what: str = "") -> None:
    if ended.final:  # what it wrote is removed already
        raise RunnerError(ended.reason)
    if ended.code != 0:
        failed = what or _FAILED.get(ended.code or 0, "The build failed")
        why = "the log says why." if ended.code in _FAILED and not ended.oom else ended.reason
        raise RunnerError(f"{failed}: {why}")


def _port(address: str) -> int:
    url = urlsplit(address)
    return url.port or {"https": 443}.get(url.scheme, 80)
