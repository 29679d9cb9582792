"""What there is of this server on the engine, by its labels, and its end."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from gitperch_preview.contract import Thing
from gitperch_preview.runners.docker.engine import EngineError
from gitperch_preview.runners.docker.names import PREVIEW, REPOSITORY_ID, UNFINISHED, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitperch_preview.runners.docker.engine import Engine
    from gitperch_preview.runners.docker.names import Names

log = logging.getLogger("gitperch.preview.docker")

CONTAINER, NETWORK, VOLUME, IMAGE = "container", "network", "volume", "image"
_PATHS = {CONTAINER: "/containers/", NETWORK: "/networks/", VOLUME: "/volumes/", IMAGE: "/images/"}
_DISK_SECONDS = 100.0
_OWN_SECONDS = 2 * _DISK_SECONDS
_EMPTY = "find /caches -mindepth 1 -delete"


async def things(engine: Engine, names: Names) -> list[Thing]:
    """All containers, networks, volumes and images of this data folder. The base image is for everybody, and none of them."""
    filters = {"filters": names.ours}
    listed = await asyncio.gather(
        engine.get("/containers/json", all=True, **filters),
        engine.get("/networks", **filters),
        engine.get("/volumes", **filters),
        engine.get("/images/json"),
    )
    found = [_thing(CONTAINER, each["Id"], each) for each in listed[0] if not _at_work(each)]
    found += [_thing(NETWORK, each["Name"], each) for each in listed[1]]
    found += [_thing(VOLUME, each["Name"], each) for each in listed[2].get("Volumes") or ()]
    for image in listed[3]:  # what a failed build left has a name, and no label yet
        for tag in image.get("RepoTags") or ():
            if (deployment_id := names.deployment_of(tag)) is not None:
                found.append(Thing(IMAGE, tag, number(image.get("Labels"), REPOSITORY_ID), deployment_id))
    return found


def _at_work(container: Mapping[str, Any]) -> bool:
    """Whether it is the server's own and of the moment (walls, an emptied cache): it goes by itself, or is seen once it is old."""
    labels = container.get("Labels")
    nobodys = number(labels, REPOSITORY_ID) is None and number(labels, PREVIEW) is None
    return nobodys and time.time() - int(container.get("Created") or 0) < _OWN_SECONDS


def _thing(kind: str, name: str, described: Mapping[str, Any]) -> Thing:
    labels = described.get("Labels")
    return Thing(kind, name, number(labels, REPOSITORY_ID), number(labels, PREVIEW))


async def remove(engine: Engine, thing: Thing) -> None:
    """Remove it, running or not. A network or a volume goes with all containers in it."""
    path = _PATHS[thing.kind] + thing.name
    if thing.kind == CONTAINER:
        await engine.delete(path, force=True, v=True)
        return
    if thing.kind in (NETWORK, VOLUME):
        for container in await engine.get("/containers/json", all=True, filters={thing.kind: [thing.name]}):
            if thing.repo_id is not None and number(container.get("Labels"), REPOSITORY_ID) == thing.repo_id:
                await engine.delete(f"/containers/{container['Id']}", force=True, v=True)
    await engine.delete(path, **({"force": True} if thing.kind in (VOLUME, IMAGE) else {}))


async def discard(engine: Engine, names: Names, deployment_id: int) -> list[str]:
    """Remove all containers and images of a deployment; the ids of the containers."""
    listed = await engine.get("/containers/json", all=True, filters=names.of_preview(deployment_id))
    for container in listed:
        await engine.delete(f"/containers/{container['Id']}", force=True, v=True)
    for part in ("", UNFINISHED):
        await engine.delete(f"/images/{names.image(deployment_id, part)}", force=True)
    return [str(container["Id"]) for container in listed]


async def free(engine: Engine, names: Names, base: str, wanted: int) -> int:
    """Win `wanted` bytes of disk by what can be made again: what failed builds left, then caches."""
    usage = await engine.call("GET", "/system/df", timeout=_DISK_SECONDS)
    won = 0
    for image in usage.get("Images") or ():
        ours = [tag for tag in image.get("RepoTags") or () if names.deployment_of(tag) is not None]
        if won < wanted and ours and all(tag.endswith(UNFINISHED) for tag in ours):
            won += await _without(engine, f"/images/{ours[0]}", int(image["Size"]) - max(0, int(image["SharedSize"])))
    for volume in sorted(usage.get("Volumes") or (), key=lambda v: -_size(v)):
        if won < wanted and names.owns(volume.get("Labels")) and _size(volume) > 0:
            won += await _emptied(engine, names, base, volume)
    return won


def _size(volume: Mapping[str, Any]) -> int:
    return int((volume.get("UsageData") or {}).get("Size") or 0)


async def _without(engine: Engine, path: str, size: int) -> int:
    try:
        return size if await engine.delete(path) else 0
    except EngineError as error:
        log.info("%s stays: %s", path, error)
        return 0


async def _emptied(engine: Engine, names: Names, base: str, volume: Mapping[str, Any]) -> int:
    """Empty a cache: containers that sleep hold on to the volume itself."""
    wanted = {
        "Image": base,
        "User": "0:0",
        "Entrypoint": ["/bin/sh", "-c", _EMPTY],
        "Labels": names.labels_alone,
        "HostConfig": {
            "NetworkMode": "none",
            "CapDrop": ["ALL"],
            "CapAdd": ["DAC_OVERRIDE"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": 64 << 20,
            "PidsLimit": 50,
            "Mounts": [{"Type": "volume", "Source": volume["Name"], "Target": "/caches"}],
        },
    }
    try:
        made = await engine.call("POST", "/containers/create", json=wanted)
    except EngineError as error:
        log.info("the cache %s stays: %s", volume["Name"], error)
        return 0
    path = f"/containers/{made['Id']}"
    try:
        await engine.call("POST", f"{path}/start")
        ended = await engine.call("POST", f"{path}/wait", timeout=_DISK_SECONDS)
        return _size(volume) if ended["StatusCode"] == 0 else 0
    finally:
        await engine.delete(path, force=True)
