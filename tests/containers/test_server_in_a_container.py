"""The server in a container of its own, on the engine that previews run on, as docker-compose.yml has it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import PASSWORD, commit, git
from support.yard import SERVES

if TYPE_CHECKING:
    from support.engine import Engine

ROOT = Path(__file__).parents[2]
TOML = '[preview]\nrunner = "docker"\ncommand = "python3 app.py"\n'


@pytest.fixture
def address(engine: Engine) -> str:
    """Where a server answers that runs in a container, with this Python and these sources from outside."""
    if Path(sys.base_prefix) == Path("/usr"):
        pytest.skip("this Python is the machine's own, and cannot be lent to a container")
    engine.call("POST", "/networks/create", {"Name": "front"})
    python = f"{sys.executable} -m gitperch"
    data = "/data"
    start = (
        f"echo {PASSWORD} | {python} user add alice --admin --password-stdin --data {data} &&"
        f" exec {python} serve --data {data} --listen 0.0.0.0:8000"
    )
    lent = {sys.base_prefix, sys.prefix, str(ROOT), str(Path(sys.executable).resolve().parents[1])}
    wanted = {
        "Image": engine.image,
        "Cmd": ["sh", "-c", start],
        "Env": [f"GITPERCH_PREVIEWS_DOCKER={engine.address}", f"GITPERCH_PREVIEWS_IMAGE={engine.image}"],
        "HostConfig": {
            "NetworkMode": "front",
            "Init": True,
            "Binds": [*(f"{folder}:{folder}:ro" for folder in lent), f"{engine.socket}:{engine.socket}"],
        },
    }
    status, made = engine.call("POST", "/containers/create?name=server", wanted)
    assert status == 201, made
    engine.call("POST", f"/containers/{made['Id']}/start")
    where = engine.inspect("server")["NetworkSettings"]["Networks"]["front"]["IPAddress"]
    for _ in range(900):
        try:
            with urllib.request.urlopen(f"http://{where}:8000/healthz", timeout=2):
                return str(where)
        except OSError:
            assert engine.inspect("server")["State"]["Running"], engine.call(
                "GET", "/containers/server/logs?stderr=1&stdout=1"
            )
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_it_joins_the_networks_of_its_sites_and_its_previews_are_walled_off_all_the_same(
    engine: Engine, address: str, tmp_path: Path
) -> None:
    commit(tmp_path / "work", {"gitperch.toml": TOML, "app.py": SERVES})
    remote = f"http://alice:{PASSWORD}@{address}:8000/alice/shop.git"
    assert git("push", remote, "HEAD:refs/heads/main", cwd=tmp_path / "work").returncode == 0
    commit(tmp_path / "work", {"b": "1"})
    # With its progress asked for, a push is one from a terminal, and follows the build.
    done = git("push", "--progress", remote, "HEAD:refs/heads/main", cwd=tmp_path / "work")
    assert "-----> Ready" in done.stderr, done.stderr
    (container,) = [name.strip("/") for name in engine.everything()["containers"] if name != "/server"]
    joined = engine.inspect("server")["NetworkSettings"]["Networks"]
    (own,) = [network["IPAddress"] for name, network in joined.items() if name != "front"]
    look = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"

    def reaches(host: str, port: int) -> bool:
        return "Error" not in engine.run(container, "python3", "-c", look, host, str(port))

    url = engine.run(container, "git", "-C", "/workspace", "remote", "get-url", "origin").strip()
    door = int(url.split("/")[2].rpartition(":")[2])
    assert reaches(own, door)
    assert not reaches(own, 8000)
    assert not reaches(address, 8000)
    rules = subprocess.run(["iptables", "-w", "-S", "INPUT"], capture_output=True, text=True, check=True).stdout
    assert "-IN" in rules
