"""A server with one preview in each state is killed, or stopped: afterwards each is as it was, and nothing else is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.previews import Site, app, checkouts, processes, running, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.server import Server


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_each_state_outlives_the_server(own_apps: Callable[..., Server], tmp_path: Path, end: str) -> None:
    site = Site(own_apps(), tmp_path, "states")
    site.push(app("up"))
    site.push(app("asleep"), "asleep")
    site.push(app("halted"), "halted")
    site.push(app("broken", build="exit 1"), "broken")
    for branch in ("main", "asleep", "halted"):
        site.until("ready", branch)
    site.until("failed", "broken")
    site.act("sleep", "asleep")
    site.until("sleeping", "asleep")
    site.act("stop", "halted")
    site.until("stopped", "halted")
    before = site.previews()
    up = site.text("id")

    assert getattr(site.server, end)() == (0 if end == "stop" else -9)
    site.server.start()
    wait(lambda: site.previews()["main"]["serving"], "the app that is up")
    after = site.previews()
    for branch in before:
        for key in ("state", "deployment", "serving", "url", "problem"):
            if branch != "main" or key != "problem":
                assert after[branch][key] == before[branch][key], (branch, key)
    assert (site.text("id") == up) == (end == "kill"), "an app lives on when nobody could tell it to end"
    alive = {before["main"]["deployment"]}
    wait(lambda: running(site.server) == sorted(alive) and set(processes(site.server).values()) == alive, "order")
    # What was built for those that rest is there, and of the others nothing.
    assert checkouts(site.server) <= {str(before[branch]["deployment"]) for branch in ("main", "asleep", "halted")}

    assert site.text(branch="asleep") == "asleep"
    assert site.server.get(site.url("halted")).status != 200
    site.act("wake", "halted")
    site.until("ready", "halted")
    assert site.text(branch="halted") == "halted"
    assert len(running(site.server)) == 3
