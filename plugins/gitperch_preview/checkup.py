"""What an operator should know of previews, looked at from outside of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch_preview.runners.docker import DockerRunner
from gitperch_preview.runners.process import ProcessRunner
from gitperch_preview.vault import Vault

if TYPE_CHECKING:
    from gitperch.host import Host


async def lines(host: Host) -> list[str]:
    """How isolated apps are here, with each runner, and which settings cannot be read."""
    folder = host.folder("preview")
    # As the server found it, whose user and limits may be others than those of whoever asks.
    found = ProcessRunner.found(folder / "process") or "the server has not been started yet"
    docker = DockerRunner(host, folder / "docker")
    missing = await docker.usable()
    return [
        f"previews: process: {found}",
        f"previews: docker: {missing or await docker.isolation()}",
        *(f"previews: {problem}" for problem in await Vault(host).problems()),
    ]
