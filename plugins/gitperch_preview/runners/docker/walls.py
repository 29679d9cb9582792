"""The rules in this machine's firewall that keep containers to themselves: `walls.sh`, run by the server or by a container."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.streams import unframed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names

_SCRIPT = Path(__file__).with_name("walls.sh")
_SECONDS = 60.0


class Walls:
    """`stand` before anything runs. Without root here, a container with nothing but NET_ADMIN in the engine's network sets the rules."""

    def __init__(self, engine: Engine, names: Names, image: str, *, outside: bool) -> None:
        """`outside`: this server is in a network of its own, so that rules here would be of no use."""
        self._engine = engine
        self._names = names
        self._image = image
        self.need_image = outside or os.geteuid() != 0 or shutil.which("iptables") is None
        self._stands_for: tuple[str, ...] = ()
        self._last: tuple[str, ...] = ()
        self._building = asyncio.Lock()

    async def stand(self, ports: Sequence[int], servers: Sequence[str] = ()) -> None:
        """Have the rules in place, `ports` of this machine being open to containers, and `servers` with them.

        Raises RunnerError where that cannot be: then nothing must run.
        """
        await self._set((self._names.walls, ",".join(map(str, sorted(ports))), ",".join(servers)))

    async def again(self) -> None:
        """See that they still stand, if they did: a firewall may have been loaded anew."""
        if self._last and not self.need_image:
            await self._set(self._last)

    async def fall(self) -> None:
        """Take them away: nothing is left that they were for."""
        if self._last:
            await self._set((self._names.walls, "down"))
            self._last = ()

    async def _set(self, arguments: tuple[str, ...]) -> None:
        async with self._building:
            self._last = arguments
            if not self.need_image:  # quick enough to be sure: whoever loads a firewall anew throws ours away
                await self._set_here(arguments)
            elif self._stands_for != arguments:
                await self._set_by_container(arguments)
                self._stands_for = arguments

    def forget(self) -> None:
        """The engine was away: its machine may have been started anew."""
        self._stands_for = ()

    async def _set_here(self, arguments: Sequence[str]) -> None:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            str(_SCRIPT),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )
        try:
            async with asyncio.timeout(_SECONDS):
                _, said = await process.communicate()
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        if process.returncode:
            raise _no_walls(said)

    async def _set_by_container(self, arguments: Sequence[str]) -> None:
        name = f"gitperch-{self._names.managed}-walls"
        await self._engine.delete(f"/containers/{name}", force=True)
        wanted = {
            "Image": self._image,
            "User": "0:0",
            "Entrypoint": ["/bin/sh", "-c", _SCRIPT.read_text("utf-8"), "walls.sh", *arguments],
            "Labels": self._names.labels_alone,
            "HostConfig": {
                "NetworkMode": "host",
                "CapDrop": ["ALL"],
                "CapAdd": ["NET_ADMIN", "NET_RAW"],
                "SecurityOpt": ["no-new-privileges"],
                "Memory": 64 << 20,
                "PidsLimit": 50,
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "100k", "max-file": "1"}},
            },
        }
        made = await self._engine.call("POST", "/containers/create", query={"name": name}, json=wanted)
        path = f"/containers/{made['Id']}"
        try:
            await self._engine.call("POST", f"{path}/start")
            ended = await self._engine.call("POST", f"{path}/wait", timeout=_SECONDS)
            if ended["StatusCode"]:
                async with self._engine.stream("GET", f"{path}/logs", query={"stderr": True, "stdout": True}) as answer:
                    raise _no_walls(b"".join(part for _, part in unframed(bytearray(await answer.whole()))))
        finally:
            await self._engine.delete(path, force=True)


def _no_walls(said: bytes) -> RunnerError:
    why = said.decode("utf-8", "replace").strip()[-300:] or "no reason was given"
    return RunnerError(
        f"The container cannot be kept from this machine's other services, so it was not started: {why}. "
        "Install iptables where Gitperch runs as root, or else in the image that previews.image names."
    )
