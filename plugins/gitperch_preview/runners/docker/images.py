"""The image that a container is made of: the base for all, or one that the repository's Dockerfile says how to build."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.engine import EngineError
from gitperch_preview.runners.docker.names import REPOSITORY_ID, UNFINISHED
from gitperch_preview.runners.docker.streams import messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from gitperch.git import Git
    from gitperch_preview.contract import Deployment, Log
    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names

OWN_BASE = "gitperch-preview-base"
"""The name of the base image that is built here, from `contrib/preview/`, where no other is set."""

_PULL_SECONDS = 900.0
_LAYER = re.compile(r" ---> ([0-9a-f]{12})\s*$")


def shipped() -> Path:
    """Where `entrypoint.sh` and the base image's Dockerfile are: at the top of a checkout, inside the package of a wheel."""
    checkout = Path(__file__).parents[4] / "contrib" / "preview"
    return checkout if checkout.is_dir() else Path(__file__).parent / "preview"


class Images:
    def __init__(self, engine: Engine, names: Names, git: Git, base: str) -> None:
        self._engine = engine
        self._names = names
        self._git = git
        self.own = base == OWN_BASE
        self.base = f"{base}:{_fingerprint(shipped() / 'Dockerfile')}" if self.own else base
        self._bringing = asyncio.Lock()
        self._building = asyncio.Semaphore(1)

    async def find(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self._engine.find(f"/images/{name}/json")
        return found

    async def bring_base(self, log: Log) -> None:
        """Have the base image on the engine: its own is built, any other pulled. Raises RunnerError."""
        if await self.find(self.base):
            return
        async with self._bringing:
            if await self.find(self.base):
                return
            if self.own:
                log.heading("Building the base image of previews, once")
                query = {"t": self.base, "labels": self._names.labels_alone, "rm": True, "forcerm": True}
                await self._follow("/build", query, _packed(shipped()), log, _PULL_SECONDS)
                await self._forget_older()
            else:
                log.heading(f"Pulling {self.base}, once")
                await self._follow("/images/create", _reference(self.base), None, log, _PULL_SECONDS)

    async def _forget_older(self) -> None:
        """Remove base images of earlier versions that nothing is made of any more."""
        for image in await self._engine.get("/images/json", filters={"reference": [OWN_BASE]}):
            for tag in image.get("RepoTags") or ():
                if tag != self.base:
                    with contextlib.suppress(EngineError):
                        await self._engine.delete(f"/images/{tag}")

    async def build(
        self, deployment: Deployment, log: Log, network: str, limits: Mapping[str, int], seconds: float
    ) -> str:
        """Build the commit's Dockerfile; the image's name. Its commands run in `network` and within `limits`.

        What a failed build got done is kept under a name of its own, so that the next goes on from there. Raises RunnerError.
        """
        recipe = deployment.recipe
        name = self._names.image(deployment.id)
        query: dict[str, Any] = {
            "t": name,
            "dockerfile": recipe.dockerfile,
            # Each is a step of the build; whose repository it is, its name and its container say.
            "labels": {k: v for k, v in self._names.labels(deployment).items() if k != REPOSITORY_ID},
            "networkmode": network,
            "rm": True,
            "forcerm": True,
            "version": "1",
            **limits,
        }
        tree = f"{deployment.oid}:{recipe.root}" if recipe.root else deployment.oid
        path = deployment.repository.path
        from gitperch_preview.runners.docker import context  # late, with tarfile: most servers build no image

        async with self._building:
            log.heading(f"Building the image of {recipe.dockerfile}")
            without = await context.ignored(self._git, path, tree, recipe.dockerfile, log)
            files = context.archive(self._git, path, tree, without)
            await self._follow("/build", query, files, log, seconds, name + UNFINISHED)
        return name

    async def _follow(
        self,
        path: str,
        query: Mapping[str, Any],
        data: AsyncIterator[bytes] | None,
        log: Log,
        seconds: float,
        rest: str = "",
    ) -> None:
        """Do what takes long, with what the engine says of it in the log. Raises RunnerError where it says that it failed."""
        layer = ""
        try:
            async with (
                asyncio.timeout(seconds),
                self._engine.stream("POST", path, query=query, data=data, timeout=seconds) as answer,
            ):
                async for message in messages(answer):
                    if "error" in message:
                        raise EngineError(0, _why(str(message["error"])))  # noqa: TRY301 -- the engine's own way to say no
                    text = str(message.get("stream") or _progress(message)).rstrip()
                    layer = found[1] if (found := _LAYER.search(text)) else layer
                    for line in text.splitlines():
                        log.line(line)
        except TimeoutError:
            await self._keep(layer, rest)
            raise RunnerError(f"It took longer than {seconds:.0f} s (previews.build_seconds), and was ended.") from None
        except EngineError:
            await self._keep(layer, rest)
            raise

    async def _keep(self, layer: str, name: str) -> None:
        if layer and name:
            repository, _, tag = name.partition(":")
            await self._engine.call("POST", f"/images/{layer}/tag", query={"repo": repository, "tag": tag})


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def _reference(name: str) -> dict[str, str]:
    """A name as `POST /images/create` has it: without a tag it would bring all of them."""
    head, _, tag = name.rpartition(":")
    if "@" in name or (head and "/" not in tag):
        return {"fromImage": name}
    return {"fromImage": name, "tag": "latest"}


def exposed(image: Mapping[str, Any]) -> int | None:
    """The lowest TCP port that an image says it listens on."""
    ports = (image.get("Config") or {}).get("ExposedPorts") or {}
    return min((int(port.removesuffix("/tcp")) for port in ports if re.fullmatch(r"\d+/tcp", port)), default=None)


async def _packed(folder: Path) -> AsyncIterator[bytes]:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, file.name, recursive=False)
    yield buffer.getvalue()


def _progress(message: Mapping[str, Any]) -> str:
    """What a pull says of a layer, without the bars that it draws."""
    return "" if message.get("progress") or message.get("aux") else str(message.get("status") or "")


def _why(error: str) -> str:
    found = re.search(r"returned a non-zero code: (\d+)", error)
    if found and found[1] == "137":
        return "A step of the Dockerfile was killed, most likely since it needed more memory than builds have (previews.build_megabytes)."
    return f"The image could not be made: {error.strip()[:500]}"
