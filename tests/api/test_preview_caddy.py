"""The real Caddy with the Caddyfile at the top of this project, in front of a running server."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.server import Server, commit, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

CADDYFILE = Path(__file__).parents[2] / "Caddyfile"

pytestmark = pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")


@dataclass
class Front:
    """Caddy on `port`, in front of `server`."""

    server: Server
    port: int
    work: Path

    def get(self, host: str, path: str = "/", **headers: str) -> tuple[int, str]:
        sent = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder, port = tmp_path_factory.mktemp("caddy"), free_port()
    settings = {
        "GITPERCH_BASE_URL": f"http://git.localhost:{port}",
        "GITPERCH_PREVIEW_DOMAIN": "pages.localhost",
        "GITPERCH_TRUSTED_PROXIES": "127.0.0.1",
    }
    server = Server(folder / "data", settings=settings)
    server.start()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "CADDY_SCHEME": "http",
        "CADDY_CERTIFICATES": "none",
        "CADDY_HOST": "git.localhost",
        "CADDY_PREVIEW_DOMAIN": "pages.localhost",
        "CADDY_PORT": str(port),
        "CADDY_UPSTREAM": f"127.0.0.1:{server.port}",
        "CADDY_ADMIN": "off",
    }
    with (folder / "caddy.log").open("w") as log:
        command = ["caddy", "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
        caddy = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    front = Front(server, port, folder / "work")
    try:
        _wait(front, caddy, folder / "caddy.log")
        server.cli("repo", "add", "alice/thing", "--public")
        commit(front.work, {"index.html": "through caddy"})
        yield front
    finally:
        caddy.terminate()
        caddy.wait(20)
        server.stop()


def _wait(front: Front, caddy: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            assert front.get("git.localhost", "/healthz") == (200, "ok\n")
        except OSError:
            assert caddy.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        else:
            return


def test_the_caddyfile_is_valid_and_tidy() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "XDG_DATA_HOME": "/tmp",
        "XDG_CONFIG_HOME": "/tmp",
    }
    command = ["caddy", "validate", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert "Valid configuration" in done.stdout + done.stderr
    assert "not formatted" not in done.stderr


def test_host_previews_and_git_pass_through_it(front: Front) -> None:
    remote = f"http://alice:{front.server.password}@127.0.0.1:{front.port}/alice/thing.git"
    said = front.server.git(
        "-c", f"http.extraHeader=Host: git.localhost:{front.port}", "push", remote, "main", cwd=front.work
    )
    assert f"Preview  http://main-thing.pages.localhost:{front.port}/" in said
    assert front.get("main-thing.pages.localhost") == (200, "through caddy")
    status, page = front.get("git.localhost", "/alice/thing")
    assert status == 200
    assert re.search("thing", page)


def test_a_name_that_is_not_ours_is_404(front: Front) -> None:
    assert front.get("evil.example") == (404, "")
    assert front.get("a.b.pages.localhost") == (404, "")


def test_row_18_nobody_asks_for_names_through_it(front: Front) -> None:
    for host in ("git.localhost", "127.0.0.1"):
        assert front.get(host, "/preview-ask?domain=main-thing.pages.localhost")[0] == 404
    known = front.server.get("/preview-ask?domain=main-thing.pages.localhost")
    assert known.status == 200


def test_row_20_a_client_cannot_make_up_its_address(front: Front) -> None:
    before = front.server.get("/preview-ask?domain=git.localhost", headers={"X-Forwarded-For": "127.0.0.1"})
    assert before.status == 404
    assert front.get("git.localhost", "/preview-ask?domain=git.localhost", X_Forwarded_For="127.0.0.1")[0] == 404
