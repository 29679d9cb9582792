"""What is said of an app is so at that moment, and a log says all that somebody needs who reads nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.previews import Site, app, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.server import Server


def followed_to_ready(site: Site, before: str) -> set[str]:
    """The states that are told until another app than the one that began at `before` is ready: never of one that does not run."""
    seen: set[str] = set()

    def found() -> bool:
        told = site.previews()["main"]
        assert told["serving"] or told["state"] != "ready", told
        seen.add(told["state"])
        return told["state"] == "ready" and site.text("id") != before

    wait(found, "ready")
    return seen


def test_nothing_is_told_to_be_ready_that_does_not_run(own_apps: Callable[..., Server], tmp_path: Path) -> None:
    site = Site(own_apps(), tmp_path, "truth")
    site.push(app("truth", before="import time; time.sleep(1)"))
    assert site.until("ready")["visited_at"] is None
    before = site.text("id")
    site.act("restart")
    assert "starting" in followed_to_ready(site, before)
    before = site.text("id")
    visited_at = site.previews()["main"]["visited_at"]
    assert site.server.stop() == 0
    site.server.start()
    assert site.previews()["main"]["visited_at"] == pytest.approx(visited_at, abs=0.01)  # a start is no visit
    assert "starting" in followed_to_ready(site, before)


def test_a_log_ends_with_what_was_wrong_and_each_of_its_steps_begins_a_line(site: Site) -> None:
    said = site.said(app("broken", build="printf 'no end'; exit 3"))
    failed = site.until("failed")
    lines = site.log(failed).splitlines()
    assert lines[-2:] == ["no end", f" !     {failed['problem']}"]
    assert said.count(failed["problem"]) == 1
    assert f"More of it: {site.server.url}/{site.server.admin}/{site.name}/previews/main" in said
    site.push(app("whole", build="printf 'no end'"))
    lines = site.log(site.until("ready")).splitlines()
    assert lines[lines.index("no end") + 1].startswith("-----> Starting")


def test_what_cannot_even_begin_says_so_in_its_log(site: Site) -> None:
    site.push({"gitperch.toml": "[preview\ncommand = 'true'"})
    failed = site.until("failed")
    lines = site.log(failed).splitlines()
    assert lines[0].startswith("-----> main")
    assert lines[-1] == f" !     {failed['problem']}"
    assert lines[-1].startswith(" !     gitperch.toml is not valid TOML")


def test_who_lacks_a_setting_reads_what_was_found_and_where_to_set_it(site: Site) -> None:
    files = app("lacking")
    files["app.json"] = json.dumps({"env": {"MODE": {"required": True}, "KEY": {"required": True}}})
    said = site.said(files)
    assert "-----> Building main (gitperch.toml command)" in said
    assert " !     It needs a value for MODE, KEY: set it in the repository's settings, under Previews." in said
    assert site.log(site.until("failed")).startswith("-----> Building main")
    site.server.cli("env", "set", f"{site.server.admin}/{site.name}", "MODE=a", "KEY=b")
    site.until("ready")


def test_a_branch_may_be_called_like_a_part_of_an_address(site: Site) -> None:
    for branch in ("env", "feature/share"):
        site.push(app(branch.replace("/", "-")), branch)
        site.until("ready", branch)
        log = site.server.get(f"{site.api}/{branch}/log", user=site.server.admin)
        assert f"Building {branch} " in log.text
        shares = site.server.get(f"{site.api}/{branch}/share", user=site.server.admin)
        assert shares.json() == {"shares": []}
        assert site.act("restart", branch)["branch"] == branch
        page = site.server.get(f"/{site.server.admin}/{site.name}/previews/{branch}", user=site.server.admin)
        assert f"<title>{branch} · Preview" in page.text
    assert site.server.get(f"{site.api}/env", user=site.server.admin).json()["settings"] == []


def test_who_comes_while_an_app_is_being_stopped_does_not_start_it_again(site: Site) -> None:
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    site.push(app("stubborn", before=ignores))
    url = site.until("ready")["url"]
    site.act("stop")  # which takes the five seconds that an app has
    wait(lambda: site.previews()["main"]["serving"] is None, "the end")
    assert site.server.get(url, headers={"Accept": "text/plain"}).status == 503
    site.until("stopped")
    assert site.server.get(url, headers={"Accept": "text/plain"}).status == 503
    assert site.state() == "stopped"
