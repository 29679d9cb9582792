"""What a build has taken in from the settings, and how it gets what they are now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.previews import Site, app, wait

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


@pytest.fixture
def site(apps: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(apps, tmp_path, request.node.name.replace("_", "-")[:30])


def test_a_changed_setting_reaches_what_was_built_when_that_is_asked_for(apps: Server, site: Site) -> None:
    apps.cli("env", "set", f"alice/{site.name}", "FLAVOUR=sweet")
    before = "TEXT = open('built').read().strip() + ' and ' + os.environ['FLAVOUR']"
    site.push(app("x", before=f"import os\n{before}", build='echo "$FLAVOUR" > built'))
    first = site.until("ready")
    assert site.text() == "sweet and sweet"
    process = site.text("id")

    apps.cli("env", "set", f"alice/{site.name}", "FLAVOUR=sour")
    process = site.another(process)
    assert site.text() == "sweet and sour", "a restart does not build"
    assert site.previews()["main"]["deployment"] == first["deployment"]

    site.act("rebuild")
    seen = wait(lambda: (text := site.text()) != "sweet and sour" and text, "a new build")
    assert seen == "sour and sour"  # and what served before did so until then
    again = site.until("ready")
    assert again["deployment"] > first["deployment"]
    assert again["oid"] == first["oid"]
    page = apps.get(f"/alice/{site.name}/previews/main").text
    assert re.search("Built again <time[^>]*>[^<]*</time>, pushed by alice", page)


def test_what_sleeps_and_what_was_stopped_can_be_built_again_too(site: Site) -> None:
    site.push(app("early"))
    last = site.until("ready")["deployment"]
    for action, state in (("sleep", "sleeping"), ("stop", "stopped")):
        site.act(action)
        site.until(state)
        site.act("rebuild")
        ready = site.until("ready")
        assert ready["deployment"] > last
        last = ready["deployment"]
    assert site.text() == "early"


def test_what_is_being_built_is_not_begun_anew(site: Site) -> None:
    site.push(app("slow", build="touch began; while [ ! -e ../home/go ]; do sleep 0.05; done"))
    building = site.until("building")
    assert site.act("rebuild")["deployment"] == building["deployment"]
    assert site.previews()["main"]["deployment"] == building["deployment"]
    site.act("stop")
    site.until("stopped")


def test_only_who_may_write_has_it_built_again(apps: Server, site: Site) -> None:
    apps.add_user("bob")
    site.push({"index.html": "files"})
    path = f"{site.api}/main/rebuild"
    assert apps.request("POST", path, body=b"").status == 401
    assert apps.request("POST", path, user="bob", body=b"").status == 403
    assert apps.request("POST", path, user="alice", body=b"").status == 409
