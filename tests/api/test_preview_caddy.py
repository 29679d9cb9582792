"""The real Caddy with the Caddyfile at the top of this project, in front of a running server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.caddy import CADDYFILE, Front, in_front_of_a_server
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with in_front_of_a_server(tmp_path_factory.mktemp("caddy"), certificates="none") as front:
        front.server.cli("repo", "add", "alice/thing", "--public")
        commit(front.folder / "work", {"index.html": "through caddy"})
        yield front


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
        "-c", f"http.extraHeader=Host: git.localhost:{front.port}", "push", remote, "main", cwd=front.folder / "work"
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
