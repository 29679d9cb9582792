"""Sleep and wake, room for a few, crashes, and what people ask for."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from gitperch_preview import PreviewPlugin
from gitperch_preview.conductor import resting
from support.house import runner
from support.previews import Site, app, processes, running, wait
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.house import House
    from support.server import Server


def test_an_app_without_visitors_sleeps_and_the_next_one_wakes_it(
    own_apps: Callable[..., Server], tmp_path: Path
) -> None:
    site = Site(own_apps(idle_minutes=0.05), tmp_path, "sleepy")
    site.push(app("awake"))
    site.until("ready")
    asleep = site.until("sleeping")
    assert asleep["serving"] is None
    assert processes(site.server) == {}
    with ThreadPoolExecutor(10) as many:
        answers = list(many.map(lambda _: site.text("id"), range(10)))
    assert len(set(answers)) == 1, "one start for all who wait"
    assert site.state() == "ready"
    assert "hello from awake" in site.log(asleep)


def test_open_requests_keep_an_app_awake(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(idle_minutes=0.01), tmp_path, "kept")
    files = app("slow")
    files["app.py"] = str(files["app.py"]).replace("def do_GET(self):", "def do_GET(self):\n        time.sleep(3)")
    files["app.py"] = "import time\n" + str(files["app.py"])
    site.push(files)
    site.until("ready")
    with ThreadPoolExecutor(1) as one:
        answer = one.submit(site.text)
        wait(lambda: site.previews()["main"]["open"], "a request")
        began = time.monotonic()
        while not answer.done():
            assert site.state() == "ready" or answer.done()
            time.sleep(0.1)
        assert time.monotonic() - began > 1, "longer than an app may be idle"
        assert answer.result() == "slow"
    site.until("sleeping")


def test_the_one_idle_longest_makes_room(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(running=2), tmp_path, "crowd")
    for name in ("one", "two"):
        site.push(app(name), name)
        site.until("ready", name)
    time.sleep(0.05)
    assert site.text(branch="one") == "one"  # now the other is idle longer
    site.push(app("three"), "three")
    site.until("ready", "three")
    assert {name: each["state"] for name, each in site.previews().items()} == {
        "one": "ready",
        "two": "sleeping",
        "three": "ready",
    }
    assert site.text(branch="two") == "two"
    assert site.state("one") == "sleeping"
    assert len(running(site.server)) == 2


def test_an_app_that_ends_is_started_again(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "crashing")
    site.push(app("fragile"))
    site.until("ready")
    first = site.text("id")
    site.server.get(site.url() + "exit")
    site.another(first)


def test_a_crash_loop_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "BACKOFF", 0.02)
    files = app("doomed")
    # It dies a moment after it has been looked at for the first time.
    listens = "    allow_reuse_address = True\n"
    dying = "    def verify_request(self, *_):\n        import threading\n"
    dying += "        threading.Timer(0.3, lambda: os._exit(9)).start()\n        return True\n"
    assert listens in str(files["app.py"])
    files["app.py"] = str(files["app.py"]).replace(listens, listens + dying)
    commit(tmp_path / "work", files)

    async def test(it: House) -> None:
        plugin = it.host.plugins.by_name["preview"]
        assert isinstance(plugin, PreviewPlugin)
        repo = await it.repository("doomed")
        await it.host.git.run("fetch", "-q", str(tmp_path / "work"), "+refs/heads/main:refs/heads/main", path=repo.path)
        await it.host.refs.observe(repo, ["refs/heads/main"], actor="alice", source="push")
        stage = plugin.conductor.stage

        def failed() -> str | None:
            place = plugin.conductor.find(repo.id, "main")
            return place.problem if place and place.state == "failed" else None

        problem = await stage.news.until(failed, 90)
        assert problem
        assert "6 times" in problem
        assert "status 9" in problem
        branch = plugin.conductor.branch(repo.id, "main")
        while branch.busy:
            await stage.news.until(lambda: not branch.busy or None, 1)
        assert not branch.running
        ((_, serving, _),) = await stage.records.apps()
        assert serving is None
        log = stage.logs.path(repo.id, branch.newest.id).read_text()
        assert log.count("Starting python3") == 6
        assert {thing.kind for thing in await stage.runners["process"].things()} <= {"cache"}

    runner(tmp_path / "data", monkeypatch, "gitperch_preview:PreviewPlugin")(test)


def test_a_wake_that_fails_says_so(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(idle_minutes=0.02), tmp_path, "once")
    once = "import os, sys; os.path.exists('../home/began') and sys.exit('I start only once'); open(os.environ['HOME'] + '/began', 'w')"
    site.push(app("once", before=once.replace("'../home/began'", "os.environ['HOME'] + '/began'")))
    site.until("ready")
    site.until("sleeping")
    assert site.server.get(site.url(), headers={"Accept": "text/html"}).status != 200
    failed = site.until("failed")
    assert failed["problem"]
    assert "I start only once" in site.log(failed)


def test_people_stop_start_and_put_to_sleep(apps: Server, site: Site) -> None:
    site.push(app("obedient"))
    first = site.until("ready")
    before = site.text("id")
    site.act("restart")
    site.another(before)
    assert site.previews()["main"]["deployment"] == first["deployment"]
    site.act("sleep")
    site.until("sleeping")
    site.act("wake")
    site.until("ready")
    site.act("stop")
    site.until("stopped")
    assert apps.get(site.url()).status != 200
    assert site.state() == "stopped", "a visitor does not start what was stopped"
    assert first["deployment"] not in processes(apps).values()
    site.act("wake")
    site.until("ready")
    assert site.text() == "obedient"
    site.act("stop")
    site.until("stopped")
    site.push(app("pushed"))
    site.until("ready")
    assert site.text() == "pushed"


def test_what_failed_begins_anew_when_somebody_asks(apps: Server, site: Site) -> None:
    files = app("luck", build="exit 1")
    site.push(files)
    failed = site.until("failed")
    site.act("restart")
    again = wait(lambda: _newer(site, failed["deployment"]), "a new deployment")
    assert again["oid"] == failed["oid"]
    site.until("failed")


def _newer(site: Site, deployment: int) -> dict[str, object] | None:
    found = site.previews()["main"]
    return found if found["deployment"] > deployment else None


@pytest.fixture(scope="module")
def bob(apps: Server) -> str:
    """Somebody who may read what is public."""
    apps.add_user("bob")
    return "bob"


@pytest.mark.parametrize("action", ["restart", "sleep", "wake", "stop"])
def test_only_who_may_write_acts(apps: Server, bob: str, tmp_path: Path, action: str) -> None:
    site = Site(apps, tmp_path, f"guarded-{action}")
    site.push({"index.html": "files"})
    path = f"{site.api}/main/{action}"
    assert apps.request("POST", path, body=b"").status == 401
    assert apps.request("POST", path, user=bob, body=b"").status == 403
    assert apps.get(site.api, user=bob).status == 200
    answer = apps.request("POST", path, user="alice", body=b"")
    assert answer.status == 409
    assert "has no app" in answer.text
    foreign = {"Origin": "http://evil.example", "Cookie": "gitperch=x"}
    assert apps.request("POST", path, headers=foreign, body=b"").status in (401, 403)
