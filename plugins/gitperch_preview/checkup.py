"""What an operator should know of previews, looked at from outside of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch_preview.runners.docker import DockerRunner
from gitperch_preview.runners.process.cell import cell
from gitperch_preview.vault import Vault

if TYPE_CHECKING:
    from gitperch.host import Host


async def lines(host: Host) -> list[str]:
    """How isolated apps are here, with each runner, and which settings cannot be read."""
    folder = host.folder("preview")
    # Not the runner itself, which tidies up when it is first asked: that is the server's to do.
    found = await cell(folder / "process", host.git.environment["PATH"])
    docker = DockerRunner(host, folder / "docker")
    missing = await docker.usable()
    return [
        f"previews: process: {found.problem or found.words}",
        f"previews: docker: {missing or await docker.isolation()}",
        *(f"previews: {problem}" for problem in await Vault(host).problems()),
    ]
