"""The disk that the engine keeps its containers on is full, because of one of them: that one is ended, and all else goes on."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from support import engine as engines
from support.engine import Engine
from support.previews import QUICK, Site, app, wait
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 60.0
ROOM = 240 << 20  # beside the base image
FILL = "cat /dev/zero > filling; sleep 99"
# More than it takes to be blamed, but written before it started.
OTHER = app("other", build="head -c 40000000 /dev/zero > much")
# Has written as much since, but others more.
BESIDE = app("beside", before="open('much', 'wb').write(bytes(40_000_000))", toml="runner = 'process'")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine of its own with a small disk, and this thread beside it in its network."""
    if why := engines.why_not():
        pytest.skip(why)
    disk = tmp_path_factory.mktemp("small")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=720m", "none", str(disk)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    taken = engines.take()
    engine = Engine(disk, taken.slot, taken.lock)
    try:
        engine.open()
        with (disk / "ballast").open("wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, free(engine) - ROOM)
        engine.enter()
        yield engine
        engine.leave()
    finally:
        engine.close()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture(scope="module")
def others(small: Engine) -> Iterator[list[Site]]:
    """Previews that run, a container and a process, and have nothing to do with all this. All is on the same disk."""
    chosen = {"DOCKER": small.address, "IMAGE": small.image, "RUNNER": "docker", "START_SECONDS": "60"}
    folder = small.folder / "own"
    folder.mkdir()
    server = Server(folder / "data", settings=QUICK | {f"GITPERCH_PREVIEWS_{k}": v for k, v in chosen.items()})
    server.start()
    try:
        sites = [Site(server, folder, "other"), Site(server, folder, "beside")]
        for site, files in zip(sites, (OTHER, BESIDE), strict=True):
            site.push(files)
            site.until("ready", seconds=SECONDS)
        yield sites
    finally:
        server.stop()


@pytest.fixture
def greedy(others: list[Site]) -> Site:
    """One more beside them."""
    return Site(others[0].server, others[0].work.parent, f"greedy-{os.urandom(3).hex()}")


def free(engine: Engine) -> int:
    found = os.statvfs(engine.folder)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(FILL, id="a file"),
        pytest.param("exec 3> it; rm it; cat /dev/zero >&3; sleep 99", id="nameless"),
    ],
)
def test_a_container_that_fills_the_disk_is_ended_alone(
    others: list[Site], greedy: Site, small: Engine, line: str
) -> None:
    before, room = [other.text("id") for other in others], free(small)
    greedy.push({"gitperch.toml": f"[preview]\ncommand = {line!r}\n"})
    failed = greedy.until("failed", seconds=SECONDS)
    assert "It had filled the server's disk, and was ended; what it wrote is gone" in failed["problem"]
    wait(lambda: free(small) > room - (8 << 20), "the room is back")
    assert [other.text("id") for other in others] == before
    if line == FILL:
        greedy.push(app("modest"))
        greedy.until("ready", seconds=SECONDS)


def test_the_build_of_an_image_that_fills_the_disk_is_ended_alone(
    others: list[Site], greedy: Site, small: Engine
) -> None:
    before, room = [other.text("id") for other in others], free(small)
    greedy.push({"Dockerfile": f"FROM {small.image}\nRUN {FILL}\nCMD sleep 99\n"})
    failed = greedy.until("failed", seconds=SECONDS)
    assert "The image could not be made. It had filled the server's disk" in failed["problem"]
    wait(lambda: free(small) > room - (8 << 20), "the room is back")
    assert [other.text("id") for other in others] == before


def test_a_container_that_fills_its_cache_again_and_again_is_ended(others: list[Site], greedy: Site) -> None:
    before = others[0].text("id")
    line = "while :; do cat /dev/zero > /caches/filling; sleep 0.1; done"
    greedy.push({"gitperch.toml": f"[preview]\ncommand = {line!r}\n"})
    assert "filled the server's disk" in greedy.until("failed", seconds=SECONDS)["problem"]
    assert others[0].text("id") == before
