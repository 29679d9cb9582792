"""The disk that everything lives on is full, because of a build or an app: the server goes on, and all is well when there is room."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.previews import QUICK, Site, app, wait
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")

FILL = "cat /dev/zero > filling"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose data folder is a disk of 120 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    server = Server(disk / "data", settings=dict(QUICK))
    try:
        server.start()
        yield server
    finally:
        server.stop()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def free(server: Server) -> int:
    found = os.statvfs(server.data)
    return found.f_bavail * found.f_frsize


@pytest.mark.parametrize(
    "line",
    [
        FILL,
        pytest.param(f"{FILL}; sleep 60", id="and goes on"),  # so that it is the server that ends it
        'mkdir -p "$npm_config_cache" && cat /dev/zero > "$npm_config_cache/filling"',
    ],
)
def test_a_build_that_fills_the_disk_fails_alone(server: Server, tmp_path: Path, line: str) -> None:
    site = Site(server, tmp_path, "builder")
    site.push(app("before"))
    site.until("ready")
    room = free(server)
    site.push(app("greedy", build=line))
    failed = site.until("failed")
    # Which of them is first: the disk, or the server that sees it fill.
    assert "disk is full" in failed["problem"] or "filled the server's disk" in failed["problem"]
    assert site.text() == "before"
    wait(lambda: free(server) > room - (1 << 20), "the room is back")
    oid = site.push(app("after"))
    site.until("ready", oid=oid)
    assert site.text() == "after"


@pytest.mark.parametrize(
    "filling",
    [
        pytest.param("subprocess.run('cat /dev/zero > filling', shell=True)", id="before it listens"),
        pytest.param("subprocess.Popen('sleep 1; cat /dev/zero > filling', shell=True)", id="later"),
        pytest.param("subprocess.Popen('exec 3> it; rm it; cat /dev/zero >&3; sleep 99', shell=True)", id="nameless"),
    ],
)
def test_an_app_that_fills_the_disk_is_ended_alone(server: Server, tmp_path: Path, filling: str) -> None:
    site = Site(server, tmp_path, "filler")
    site.push(app("other"), "other")
    site.until("ready", "other")
    before = site.text("id", "other")
    site.push(app("greedy", before=f"import subprocess; {filling}"))
    failed = site.until("failed")
    assert "filled the server's disk" in failed["problem"]
    wait(lambda: free(server) > 70 << 20, "room again")
    assert site.text("id", "other") == before
    oid = site.push(app("modest"))
    site.until("ready", oid=oid)
    assert site.text() == "modest"
