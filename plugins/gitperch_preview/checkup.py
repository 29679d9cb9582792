"""What an operator should know of previews, looked at from outside of the server."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from gitperch_preview.conductor.service import ONLY_CONTAINERS
from gitperch_preview.runners.docker import DockerRunner
from gitperch_preview.runners.process import ProcessRunner
from gitperch_preview.vault import Vault

if TYPE_CHECKING:
    from gitperch.host import Host


async def lines(host: Host) -> list[str]:
    """How isolated apps are here, with each runner, whether they are believed about addresses, and which settings cannot be read."""
    folder = host.folder("preview")
    # As the server found it, whose user and limits may be others than those of whoever asks.
    found = ProcessRunner.found(folder / "process") or "the server has not been started yet"
    docker = DockerRunner(host, folder / "docker")
    missing = await docker.usable()
    return [
        f"previews: process: {found}",
        f"previews: docker: {missing or await docker.isolation()}",
        *(f"previews: {line}" for line in _believed(host)),
        *(f"previews: {problem}" for problem in await Vault(host).problems()),
    ]


def _believed(host: Host) -> list[str]:
    """Whether apps speak from an address that is believed about others."""
    config = host.config
    near = [address for address in config.trusted_proxies if _is_loopback(address)]
    if not near or config.previews.runner == ONLY_CONTAINERS:
        return []
    line = f"trusted_proxies has {near[0]}, from where apps that run as processes speak, too, and are believed."
    return [f"{line} Have the proxy use proxy_socket instead."]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
