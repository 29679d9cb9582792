"""A whole server whose previews are containers: it is killed, the engine is stopped, branches go; afterwards the same runs, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.previews import QUICK, Site, app, wait
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.engine import Engine

SECONDS = 60.0


@pytest.fixture
def server(engine: Engine, tmp_path: Path) -> Iterator[Server]:
    settings = {"GITPERCH_PREVIEWS_DOCKER": engine.address, "GITPERCH_PREVIEWS_IMAGE": engine.image}
    folder = tmp_path / "own"
    folder.mkdir()
    server = Server(folder / "data", settings=QUICK | settings | {"GITPERCH_PREVIEWS_RUNNER": "docker"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def running(engine: Engine) -> list[int]:
    """The deployment of each container that runs."""
    listed = engine.call("GET", "/containers/json")[1]
    return sorted(int(each["Labels"].get("gitperch.preview", -1)) for each in listed)


def settled(engine: Engine, site: Site) -> None:
    """What runs is what serves, once; what is there is what some preview explains."""

    def found() -> bool:
        shown = site.previews().values()
        serving = sorted(each["serving"] for each in shown if each["serving"])
        known = {each["deployment"] for each in shown} | set(serving)
        made = {
            int(each["Labels"].get("gitperch.preview", -1)) for each in engine.call("GET", "/containers/json?all=1")[1]
        }
        return running(engine) == serving and made <= known

    wait(found, "order", SECONDS)


def ready(site: Site, branch: str = "main", oid: str = "") -> dict[str, Any]:
    return site.until("ready", branch, oid, SECONDS)


def test_a_container_lives_on_when_the_server_is_killed_or_stopped(
    server: Server, engine: Engine, tmp_path: Path
) -> None:
    site = Site(server, tmp_path, "alive")
    site.push(app("alive"))
    ready(site)
    before = site.text("id")
    server.kill()
    server.start()
    ready(site)
    assert site.text("id") == before
    server.restart()
    ready(site)
    assert site.text("id") == before
    assert site.server.get(site.url() + "exit").status
    wait(lambda: site.state() == "ready" and site.text("id") != before, "its end is noticed", SECONDS)
    settled(engine, site)


@pytest.mark.parametrize("state", ["building", "starting"])
def test_a_server_that_is_killed_in_the_middle_ends_with_one_container(
    server: Server, engine: Engine, tmp_path: Path, state: str
) -> None:
    site = Site(server, tmp_path, "middle")
    files = app("slow", build="sleep 4") if state == "building" else app("slow", before="import time; time.sleep(4)")
    oid = site.push(files)
    site.until(state, seconds=SECONDS)
    server.kill()
    server.start()
    ready(site, oid=oid)
    assert site.text() == "slow"
    settled(engine, site)


def test_the_engine_is_stopped_and_started_and_the_preview_is_there_again(
    server: Server, engine: Engine, tmp_path: Path
) -> None:
    site = Site(server, tmp_path, "engine")
    site.push(app("again"))
    ready(site)
    engine.stop()
    assert server.get("/healthz").status == 200
    engine.start()
    wait(lambda: server.get(site.url(), headers={"Accept": "text/plain"}).text == "again", "it answers again", SECONDS)
    settled(engine, site)


def test_the_old_version_serves_until_the_new_one_is_well_and_nothing_is_left_of_a_deleted_branch(
    server: Server, engine: Engine, tmp_path: Path
) -> None:
    site = Site(server, tmp_path, "shop")
    site.push({"README": "the default branch, which cannot be deleted"})
    site.push(app("first"), "a")
    ready(site, "a")
    oid = site.push(app("second", build="sleep 4"), "a")
    assert site.text(branch="a") == "first"
    ready(site, "a", oid)
    assert site.text(branch="a") == "second"
    site.push(app("broken", build="exit 3"), "a")
    site.until("failed", "a", seconds=SECONDS)
    assert site.text(branch="a") == "second"
    site.push(app("other"), "b")
    ready(site, "b")
    site.delete("a")
    wait(lambda: "a" not in site.previews(), "its end", SECONDS)
    settled(engine, site)
    site.delete("b")
    wait(lambda: not engine.everything()["containers"], "nothing is left", SECONDS)


def test_a_sleeping_container_costs_no_memory_and_the_next_visitor_wakes_it(
    server: Server, engine: Engine, tmp_path: Path
) -> None:
    site = Site(server, tmp_path, "sleeper")
    site.push(app("awake"))
    ready(site)
    site.act("sleep")
    site.until("sleeping", seconds=SECONDS)
    assert running(engine) == []
    wait(lambda: server.get(site.url(), headers={"Accept": "text/plain"}).text == "awake", "it wakes", SECONDS)
    settled(engine, site)


def test_an_app_that_eats_memory_says_so_and_the_push_is_told(server: Server, engine: Engine, tmp_path: Path) -> None:
    site = Site(server, tmp_path, "hungry")
    said = site.said(app("hungry", before="x = [bytearray(1 << 20) for _ in range(10000)]", toml='memory = "64m"\n'))
    assert "It needed more memory than the 64 MB that it may have." in said
    assert site.state() == "failed"
    wait(lambda: not running(engine), "its end", SECONDS)
