"""What whoever pushed an app that does not come up is told to do, and that a slip of the pen takes nothing away."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from gitperch_preview.logs.writing import FileLog
from support.previews import Site, app, wait
from support.recipes import found, package
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.server import Server


def test_what_does_not_stay_up_is_told_with_what_to_do(site: Site) -> None:
    for command, remedy in (
        ("no-such-program", "it found no such program"),
        ("./app.txt", "git update-index --chmod=+x FILE"),
        ("true", "has to stay in the foreground"),
    ):
        said = site.said({"gitperch.toml": f"[preview]\ncommand = '{command}'\n", "app.txt": "echo\n"})
        problem = site.previews()["main"]["problem"]
        assert "It had not answered yet." in problem
        assert remedy in problem
        assert problem in said
    site.said({"gitperch.toml": "[preview]\nbuild = 'no-such-program'\ncommand = 'true'\n"})
    problem = site.previews()["main"]["problem"]
    assert problem.startswith("`no-such-program` failed. It ended with status 127. By that a shell says")


def test_an_app_that_listens_elsewhere_is_told_how_long_was_waited(site: Site) -> None:
    health = "health = { attempts = 3, pause = 0.5 }"
    site.said({"gitperch.toml": f"[preview]\ncommand = 'sleep 600'\n{health}\n"})
    problem = site.previews()["main"]["problem"]
    assert "nothing answered at its port within " in problem
    assert "It has to listen on $PORT" in problem


def test_a_file_that_cannot_be_read_leaves_the_version_before(site: Site) -> None:
    site.push(app("good"))
    site.until("ready")
    unread: list[tuple[dict[str, str | bytes], str]] = [
        ({"gitperch.toml": "[preview\n"}, "gitperch.toml is not valid TOML"),
        ({"gitperch.toml": "", "app.py": "", "package.json": "{broken"}, "package.json is not valid JSON"),
    ]
    for files, why in unread:
        said = site.said(files)
        assert f" !     {why}" in said
        assert f"The version before stays at {site.url()}" in said
        assert site.text() == "good"
    commit(site.work, {"more": "of it"})
    script = site.server.git("push", site.remote, "HEAD:refs/heads/main", cwd=site.work)
    assert f"The version before stays at {site.url()}" in script


def test_who_pushes_nothing_to_show_reads_what_was_left_out(site: Site) -> None:
    said = site.said({"Procfile": "worker: ./work\n", "package.json": package({"dev": "tsc --watch"})})
    address = re.search(r"Preview  (http://\S+)", said)
    assert address
    assert "Procfile is left out, it has no web" in said
    assert "scripts.dev is left out, it starts no server" in said
    assert "<pre>[preview]\ncommand = " in site.server.get(address[1]).text


def test_an_unreadable_file_beside_something_to_show_is_no_failure(tmp_path: Path) -> None:
    assert found(tmp_path / "a", {"index.html": "", "package.json": "{broken"}).kind == "static"
    assert found(tmp_path / "b", {"Procfile": "web: ./go", "package.json": "{broken"}).kind == "process"
    alone = found(tmp_path / "c", {"pyproject.toml": "[project"})
    assert alone.problem.startswith("pyproject.toml is not valid TOML, and nothing else here says")


def test_colours_of_an_engine_do_not_reach_a_log_as_text(tmp_path: Path) -> None:
    log = FileLog(tmp_path / "1.log")
    log.make()
    log.line("\x1b[91mE: Unable to locate package\n\x1b[0m")
    assert log.path.read_text().split() == ["E:", "Unable", "to", "locate", "package"]


def test_a_log_says_when_its_app_slept_and_stopped_and_was_ready_again(site: Site) -> None:
    site.push(app("restless"))
    site.until("ready")
    for act, state in (("sleep", "sleeping"), ("wake", "ready"), ("stop", "stopped")):
        site.act(act)
        site.until(state)
    said = site.server.get(f"{site.api}/main/log", user=site.server.admin).text
    steps = re.findall(r"^-----> (Ready|Asleep|Stopped)", said, re.MULTILINE)
    assert steps == ["Ready", "Asleep", "Ready", "Stopped"]


def test_a_version_that_was_stopped_is_not_said_to_stay(site: Site) -> None:
    site.push(app("good"))
    site.until("ready")
    site.act("stop")
    site.until("stopped")
    said = site.said({"gitperch.toml": "[preview\n"})
    assert "gitperch.toml is not valid TOML" in said
    assert "stays at" not in said


def test_what_is_stopped_by_its_age_says_that_nobody_wanted_it(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(merged_days=0.00001), tmp_path, "merged")
    site.push(app("all"))
    site.server.git("push", site.remote, "HEAD:refs/heads/side", cwd=site.work)
    site.push({"more": "1"})
    for branch in ("side", "main"):
        site.until("ready", branch)
    wait(lambda: time.time() > site.previews()["side"]["created_at"] + 1, "old enough")
    site.push({"x": "y"}, "gone")
    site.delete("gone")  # after which the machine is looked at
    problem = site.until("stopped", "side")["problem"]
    assert problem.startswith("The default branch has all of its commits, and nobody came for ")
    assert problem.endswith("(previews.merged_days).")
    page = site.server.get(f"/{site.server.admin}/merged/previews/side", user=site.server.admin)
    assert "The default branch has all of its commits" in page.text
