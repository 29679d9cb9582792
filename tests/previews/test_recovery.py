"""The server is killed, or stopped, in each state; afterwards the same runs, nothing twice, nothing left over."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from support.previews import Site, app, checkouts, held, processes, running, wait
from support.server import commit
from support.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.server import Server


def settled(site: Site) -> None:
    """Nothing runs twice, and nothing is there that no preview explains."""
    server = site.server

    def found() -> bool:
        shown = site.previews().values()
        serving = sorted(each["serving"] for each in shown if each["serving"])
        known = {str(each["deployment"]) for each in shown} | {str(each) for each in serving}
        alive = set(processes(server).values())
        return running(server) == serving and alive <= set(serving) and checkouts(server) <= known

    wait(found, "order")


def test_what_runs_lives_on_when_the_server_is_killed(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "alive")
    site.push(app("alive"))
    site.until("ready")
    before = site.text("id")
    site.server.kill()
    site.server.start()
    site.until("ready")
    assert site.text("id") == before
    assert site.server.get(site.url() + "exit").status
    site.another(before)
    settled(site)


def test_an_orderly_stop_ends_apps_and_the_next_start_has_them_again(
    own_apps: Callable[..., Server], tmp_path: Path
) -> None:
    site = Site(own_apps(), tmp_path, "stopped")
    site.push(app("main"))
    site.push(app("asleep"), "asleep")
    site.until("ready")
    site.until("ready", "asleep")
    site.act("sleep", "asleep")
    site.until("sleeping", "asleep")
    assert site.server.stop() == 0
    assert processes(site.server) == {}
    site.server.start()
    site.until("ready")
    assert site.state("asleep") == "sleeping"
    assert (site.text(), site.text(branch="asleep")) == ("main", "asleep")
    settled(site)


def test_killed_while_the_app_was_dead(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "dead")
    site.push(app("dead"))
    site.until("ready")
    pids = list(processes(site.server))
    site.server.kill()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    site.server.start()
    site.until("ready")
    assert site.text() == "dead"
    settled(site)


@pytest.mark.parametrize("when", ["queued", "building", "starting"])
def test_killed_on_the_way(own_apps: Callable[..., Server], tmp_path: Path, when: str) -> None:
    site = Site(own_apps(), tmp_path, "way")
    site.push(app("before"))
    site.until("ready")
    with held() as waits:
        if when == "queued":
            site.push(app("busy", build=waits), "busy")
            site.until("building", "busy")
        holds = f"import os; os.system({waits!r})" if when == "starting" else ""
        oid = site.push(app("slow", before=holds, build=waits if when == "building" else ""))
        site.until(when, oid=oid)
        site.server.kill()
        site.server.start()
        assert site.text() == "before", "the old version answers meanwhile"
    site.until("ready", oid=oid)
    assert site.text() == "slow"
    if when == "queued":
        site.until("ready", "busy")
    time.sleep(0.3)
    settled(site)


def test_killed_while_it_wakes(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "waking")
    site.push(app("woken", before="import time; time.sleep(2)"))
    site.until("ready")
    site.act("sleep")
    site.until("sleeping")
    site.act("wake")
    site.until("starting")
    site.server.kill()
    site.server.start()
    site.until("ready")
    assert site.text() == "woken"
    settled(site)


def test_what_no_record_explains_goes(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "swept")
    site.push(app("kept"))
    ready = site.until("ready")
    site.server.kill()
    left = site.server.data / "plugins/preview/process/checkouts/4711"
    (left / "app").mkdir(parents=True)
    stray = site.server.data / f"plugins/preview/logs/{1}/4711.log"
    stray.write_text("left over")
    site.server.start()
    wait(lambda: not left.exists() and not stray.exists(), "the sweep")
    assert str(ready["deployment"]) in checkouts(site.server)
    site.until("ready")


def test_a_branch_deleted_while_the_server_was_away(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "away")
    site.push(app("main"))
    site.push(app("gone"), "gone")
    site.until("ready")
    gone = site.until("ready", "gone")
    site.server.kill()
    path = next((site.server.data / "repositories").glob("*.git"))
    site.server.git("update-ref", "-d", "refs/heads/gone", cwd=path)
    site.server.start()
    wait(lambda: "gone" not in site.previews(), "the preview's end")
    wait(lambda: gone["deployment"] not in processes(site.server).values(), "the app's end")
    settled(site)


def test_a_deleted_repository_leaves_nothing(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "whole")
    for branch in ("main", "side"):
        site.push(app(branch), branch)
        site.until("ready", branch)
    site.act("sleep", "side")
    site.until("sleeping", "side")
    site.push(app("third", build="sleep 5"), "third")
    site.until("building", "third")
    visitor = Visitor(site.server)
    visitor.sign_in()
    page = f"/alice/{site.name}/settings"
    assert visitor.post(f"{page}/delete", {"confirmation": f"alice/{site.name}"}, page=page).status == 303
    wait(lambda: processes(site.server) == {}, "every process ends")
    folder = site.server.data / "plugins/preview"
    wait(lambda: checkouts(site.server) == set() and not list(folder.glob("logs/*/*")), "nothing stays on the disk")
    wait(lambda: not list(folder.glob("process/caches/*")), "the cache goes too")


def test_what_was_built_and_is_gone_is_built_again(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "rebuilt")
    site.push(app("whole"))
    ready = site.until("ready")
    site.act("sleep")
    site.until("sleeping")
    shutil.rmtree(site.server.data / f"plugins/preview/process/checkouts/{ready['deployment']}")
    assert site.text() == "whole"
    settled(site)
    site.server.kill()
    for pid in processes(site.server):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(site.server.data / f"plugins/preview/process/checkouts/{ready['deployment']}")
    site.server.start()
    site.until("ready")
    assert site.text() == "whole"
    settled(site)


def test_a_visitor_comes_before_what_lives_on_is_found(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "early")
    site.push(app("early"))
    site.until("ready")
    url, before = site.url(), site.text("id")
    for _ in range(3):
        site.server.kill()
        site.server.start()
        assert site.server.get(f"{url}id", headers={"Accept": "text/plain"}).text == before
        assert running(site.server) == [site.previews()["main"]["deployment"]]


def test_a_push_to_a_branch_that_the_server_was_killed_under(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    """At any moment of pushing and building; the last commit is what runs in the end."""
    site = Site(own_apps(), tmp_path, "torn")
    site.push(app("first"))
    site.until("ready")
    files = app("torn")
    for delay in (0.0, 0.05, 0.1, 0.2, 0.4):
        files["n"] = f"{delay}"
        commit(site.work, files)
        pushing = subprocess.Popen(
            ["git", "push", "-q", site.remote, "+HEAD:refs/heads/main"], cwd=site.work, stderr=subprocess.DEVNULL
        )
        time.sleep(delay)
        site.server.kill()
        pushing.wait(60)
        site.server.start()
    oid = site.push({**files, "n": "last"})
    site.until("ready", oid=oid)
    assert site.text() == "torn"
    settled(site)
