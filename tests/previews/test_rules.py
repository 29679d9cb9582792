"""What deployments may have and how long they stay: secrets, disk, age, room, and who follows a push."""

from __future__ import annotations

import functools
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from gitperch_preview import PreviewPlugin
from support.house import runner
from support.previews import Site, app, checkouts, held, processes, running, wait
from support.server import GIT_ENVIRONMENT, commit
from support.ssh import running as ssh_running

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from support.house import House
    from support.server import Server


def test_settings_reach_an_app_and_a_change_starts_it_again(apps: Server, site: Site) -> None:
    full_name = f"{apps.admin}/{site.name}"
    apps.cli("env", "set", full_name, "COLOUR=green")
    site.push(app("configured", before="import os; print('the colour is', os.environ.get('COLOUR'), flush=True)"))
    site.until("ready")
    before = site.text("id")
    assert site.text("env?COLOUR") == "green"
    apps.cli("env", "set", full_name, "COLOUR=indigo-secret", "--secret")
    site.another(before)
    assert site.text("env?COLOUR") == "indigo-secret"
    shown = apps.get(f"{site.api}/main/log", user=apps.admin)
    assert "the colour is" in site.log(site.previews()["main"])
    assert "indigo-secret" not in shown.text


def test_no_secrets_for_what_somebody_brought_who_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITPERCH_PREVIEWS_DISK_FREE", "1m")

    async def test(it: House) -> None:
        plugin = it.host.plugins.by_name["preview"]
        assert isinstance(plugin, PreviewPlugin)
        repo = await it.repository("guarded", private=False)
        await plugin.vault.put(repo.id, {"COLOUR": "indigo"}, secret=True, by="alice")
        oids = {name: commit(tmp_path / "work", app(name)) for name in ("alice", "bob", "nobody")}
        work = str(tmp_path / "work")
        await it.host.git.run("fetch", "--quiet", work, "+refs/heads/main:refs/heads/source", path=repo.path)
        for name, oid in oids.items():
            await it.host.git.run("update-ref", f"refs/heads/{name}", oid, path=repo.path)
            actor = "" if name == "nobody" else name
            await it.host.refs.observe(repo, [f"refs/heads/{name}"], actor=actor, source="mirror")
        conductor = plugin.conductor
        for name in oids:
            await conductor.stage.news.until(functools.partial(conductor.find, repo.id, name), 10)
            record = conductor.branch(repo.id, name).newest
            deployment = await conductor.stage.deployment(record, await conductor.stage.records.recipe(record.id))
            assert ("indigo" in deployment.environment.values()) == (name == "alice")
            assert bool(deployment.secrets) == (name == "alice")

    runner(tmp_path / "data", monkeypatch, "gitperch_preview:PreviewPlugin")(test)


def test_a_full_disk_is_said_before_a_build_and_the_old_version_stays(
    own_apps: Callable[..., Server], tmp_path: Path
) -> None:
    server = own_apps()
    site = Site(server, tmp_path, "full")
    site.push(app("old"))
    site.until("ready")
    server.settings["GITPERCH_PREVIEWS_DISK_FREE"] = "900000g"
    server.restart()
    site.until("ready")
    site.push(app("new"))
    failed = site.until("failed")
    assert "previews.disk_free" in failed["problem"]
    assert site.text() == "old"
    wait(lambda: checkouts(server) == {str(failed["serving"])}, "tidied")


def test_what_nobody_wants_any_more_is_stopped_and_its_files_go(
    own_apps: Callable[..., Server], tmp_path: Path
) -> None:
    site = Site(own_apps(stop_days=0.00001), tmp_path, "old")
    site.push(app("left alone"), "left")
    site.push({"index.html": "x", **app("y")}, "other")
    left = site.until("ready", "left")
    site.until("ready", "other")
    time.sleep(1)
    site.delete("other")  # after which the machine is looked at
    site.until("stopped", "left")
    wait(lambda: processes(site.server) == {} and checkouts(site.server) == set(), "nothing is left")
    assert site.server.get(left["url"]).status != 200
    site.act("wake", "left")
    site.until("ready", "left")
    assert site.text(branch="left") == "left alone"


def test_a_merged_branch_is_stopped_sooner(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(merged_days=0.00001), tmp_path, "merged")
    site.push(app("all"))
    site.server.git("push", site.remote, "HEAD:refs/heads/side", cwd=site.work)
    site.push({"more": "1"})
    site.push({"more": "2"}, "ahead")
    for branch in ("side", "main", "ahead"):
        site.until("ready", branch)
    time.sleep(1)
    site.push({"x": "y"}, "gone")
    site.delete("gone")
    site.until("stopped", "side")
    assert (site.state("main"), site.state("ahead")) == ("ready", "ready")


def test_without_room_the_new_version_sleeps_and_says_why(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    server = own_apps(running=1, start_seconds=10)
    site = Site(server, tmp_path, "tight")
    files = app("busy")
    holds = "GO.set() if self.path == '/go' else GO.wait(30)"
    files["app.py"] = str(files["app.py"]).replace("def do_GET(self):", f"def do_GET(self):\n        {holds}")
    files["app.py"] = "import threading\nGO = threading.Event()\n" + str(files["app.py"])
    site.push(files)
    site.until("ready")
    asking = subprocess.Popen(
        ["curl", "-s", "-H", f"Host: {site.url().split('/')[2]}", f"http://127.0.0.1:{server.port}/"],
        stdout=subprocess.PIPE,
    )
    wait(lambda: site.previews()["main"]["open"], "a request")
    site.push(app("waiting"), "waiting")
    asleep = site.until("sleeping", "waiting")
    assert "previews.running" in asleep["problem"]
    site.text("go")
    assert asking.communicate(timeout=60)[0] == b"busy"
    assert site.text(branch="waiting") == "waiting"
    assert site.previews()["waiting"]["problem"] == ""
    assert site.state() == "sleeping"


def test_an_old_version_wakes_though_the_newest_failed(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(idle_minutes=0.02), tmp_path, "behind")
    site.push(app("old"))
    site.until("ready")
    site.push(app("broken", build="exit 1"))
    site.until("failed")
    wait(lambda: running(site.server) == [], "sleep")
    assert site.text() == "old"
    assert site.state() == "failed"


def test_who_leaves_ends_the_following_and_not_the_build(apps: Server, site: Site) -> None:
    with held() as builds:
        oid = commit(site.work, app("followed", build=builds))
        command = f"exec git push {site.remote} HEAD:refs/heads/main"
        pushing = subprocess.Popen(
            ["script", "-qec", command, "/dev/null"], cwd=site.work, env=GIT_ENVIRONMENT, stdout=subprocess.PIPE
        )
        site.until("building", oid=oid)
        time.sleep(0.3)
        assert pushing.poll() is None, "it follows"
        pushing.send_signal(signal.SIGKILL)
        pushing.communicate(timeout=60)
    site.until("ready", oid=oid)
    assert site.text() == "followed"


def test_a_push_follows_no_longer_than_it_is_told_to(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(push_seconds=1), tmp_path, "patient")
    with held() as waits:
        said = site.said(app("slow", build=waits), "feature/slow")
        assert site.state("feature/slow") == "building"
    assert f"It goes on by itself: {site.server.url}/alice/patient/previews/feature/slow" in said
    assert f"=====> {site.url('feature/slow')}" in said
    site.until("ready", "feature/slow")


def test_many_may_follow_and_pushes_still_have_their_places(apps: Server, tmp_path: Path) -> None:
    """A third of `git.children` are for pushes; whoever only follows holds none."""
    sites = [Site(apps, tmp_path, f"many-{number}") for number in range(6)]
    begun = []
    with held() as waits:
        for site in sites:
            commit(site.work, app("slow", build=waits))
            command = f"git push {site.remote} HEAD:refs/heads/main"
            begun.append(
                subprocess.Popen(
                    ["script", "-qec", command, "/dev/null"], cwd=site.work, env=GIT_ENVIRONMENT, stdout=subprocess.PIPE
                )
            )
        for site in sites:
            wait(site.state, "every push arrives")
        assert [push.poll() for push in begun] == [None] * 6, "they follow, one build after another"
    for push in begun:
        said, _ = push.communicate(timeout=60)
        assert b"=====> http://" in said


def test_a_push_over_ssh_is_followed_too(tmp_path: Path) -> None:
    with ssh_running(tmp_path / "ssh", PREVIEWS_DISK_FREE="1m") as ssh:
        work = tmp_path / "work"
        commit(work, app("over ssh", build="echo built over ssh; sleep 0.5"))
        command = f"git push {ssh.url('alice/secure')} HEAD:refs/heads/main"
        begun = time.monotonic()
        done = subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            cwd=work,
            env=ssh.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert time.monotonic() - begun > 0.5
        assert "built over ssh" in done.stdout
        assert "=====> http://main-secure" in done.stdout
        assert ssh.server.get("/healthz").status == 200


def test_where_only_containers_run_no_branch_gets_a_process(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(runner="docker-only", docker="unix:///nobody-listens"), tmp_path, "walled")
    site.push(app("asks", toml="runner = 'process'"))
    assert "runs apps in containers only" in site.until("failed")["problem"]
    site.push(app("asks nothing"), "other")
    wait(lambda: "other" in site.previews(), "the other branch is there")
    assert site.previews()["other"]["runner"] == "docker"
    assert processes(site.server) == {}
