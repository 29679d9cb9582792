"""A network for each site, where its containers can reach the world and the way to clone, and nothing else of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.engine import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitperch.repositories import Repository
    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names

_PREFIX = 27  # 29 containers to a site
_TRIES = 40
_PAUSE_SECONDS = 0.1
# Of a mount (proc_pid_mountinfo(5)) the fourth field is what is mounted, the fifth where.
_CONTAINER = re.compile(r"^\S+ \S+ \S+ \S*/containers/([0-9a-f]{64})/\S+ /etc/(?:hostname|hosts|resolv\.conf) ", re.M)


@dataclass(frozen=True)
class Site:
    """`address` is where this server is to be found in the network `name`: at its gateway, or in its own container."""

    name: str
    address: str


class Sites:
    def __init__(self, engine: Engine, names: Names, pool: str) -> None:
        """`pool` is where networks get their addresses from, such as 10.213.0.0/16; "": from the engine's own."""
        self._engine = engine
        self._names = names
        self._pool = ipaddress.ip_network(pool) if pool else None
        self._making = asyncio.Lock()
        self.own = own_container()
        """The id of the container that this server runs in, if it does."""

    async def ready(self, repo: Repository) -> Site:
        """The network of a repository, made if need be. Raises RunnerError where this server could not reach it."""
        name = self._names.network(repo.id)
        async with self._making:
            found = await self._engine.find(f"/networks/{name}") or await self._make(repo)
            if self.own:
                return Site(name, await self._join(found))
        with contextlib.suppress(OSError):
            socket.if_nametoindex(self._names.bridge(repo.id))
            return Site(name, str(found["IPAM"]["Config"][0]["Gateway"]))
        raise RunnerError(
            "The containers of this Docker engine cannot be reached from here: it is rootless, in a virtual machine or on another one. "
            "Run Gitperch on the same machine, or in a container of the same engine."
        )

    async def _make(self, repo: Repository) -> dict[str, Any]:
        taken = [] if self._pool is None else await self._taken()
        wanted: dict[str, Any] = {
            "Name": self._names.network(repo.id),
            "Driver": "bridge",
            "CheckDuplicate": True,
            "EnableIPv6": False,
            "Labels": self._names.labels_of_site(repo),
            "Options": {
                "com.docker.network.bridge.name": self._names.bridge(repo.id),
                "com.docker.network.bridge.enable_icc": "false",
            },
        }
        for _ in range(_TRIES):
            if self._pool is not None:
                subnet = _free(self._pool, taken)
                taken.append(subnet)
                wanted["IPAM"] = {"Config": [{"Subnet": str(subnet), "Gateway": str(subnet[1])}]}
            try:
                await self._engine.call("POST", "/networks/create", json=wanted)
                break
            except EngineError as error:
                if "br_netfilter" in str(error):  # then the engine cannot part containers on one bridge
                    wanted["Options"].pop("com.docker.network.bridge.enable_icc")
                elif "same bridge name" in str(error) or error.status == 409:
                    # Whoever asked for it before was cancelled, and the engine is not done with it.
                    await asyncio.sleep(_PAUSE_SECONDS)
                    if found := await self._engine.find(f"/networks/{wanted['Name']}"):
                        return dict(found)
                elif self._pool is None or "overlap" not in str(error):
                    raise
        return dict(await self._engine.get(f"/networks/{wanted['Name']}"))

    async def _taken(self) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        networks = await self._engine.get("/networks")
        subnets = [
            config.get("Subnet") for network in networks for config in network.get("IPAM", {}).get("Config") or ()
        ]
        return [ipaddress.ip_network(subnet) for subnet in subnets if subnet]

    async def _join(self, network: dict[str, Any]) -> str:
        """This server's address in the network, which its own container joins."""
        with contextlib.suppress(EngineError):  # it is in it already
            await self._engine.call("POST", f"/networks/{network['Id']}/connect", json={"Container": self.own})
        own = await self._engine.get(f"/containers/{self.own}/json")
        joined = own["NetworkSettings"]["Networks"].get(network["Name"], {})
        if not joined.get("IPAddress"):
            raise RunnerError("The server's own container could not join the network of this site.")
        return str(joined["IPAddress"])

    async def addresses(self) -> list[str]:
        """Where this server is in the networks that its own container has joined."""
        if not self.own:
            return []
        own = await self._engine.get(f"/containers/{self.own}/json")
        mine = self._names.network(0).removesuffix("0")
        networks = own["NetworkSettings"]["Networks"].items()
        return sorted(n["IPAddress"] for name, n in networks if name.startswith(mine) and n.get("IPAddress"))

    async def leave(self, network: str) -> None:
        """Have the server's own container leave, so that the network can go."""
        if self.own:
            with contextlib.suppress(EngineError):
                await self._engine.call(
                    "POST", f"/networks/{network}/disconnect", json={"Container": self.own, "Force": True}
                )


def own_container(read: Callable[[], str] = lambda: Path("/proc/self/mountinfo").read_text("utf-8")) -> str:
    """The id of the container that this process is in; "" outside. Engines mount files over each one's /etc, from a folder with its id.

    Other mounts may be of other containers: those of an engine on this machine, or in this container, are to be seen as well.
    """
    try:
        found = _CONTAINER.search(read())
    except OSError:
        return ""
    return found[1] if found else ""


def _free(
    pool: ipaddress.IPv4Network | ipaddress.IPv6Network, taken: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    for subnet in pool.subnets(new_prefix=max(_PREFIX, pool.prefixlen)):
        if not any(subnet.version == other.version and subnet.overlaps(other) for other in taken):
            return subnet
    raise RunnerError(f"All networks in {pool} are taken. Give previews.networks more room, such as a /16.")
