"""Apps that insist on a port, which two versions cannot listen on at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.previews import Site, app, processes
from support.server import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


def test_a_version_that_insists_on_its_port_gives_way_to_the_next_and_is_back_where_that_fails(
    apps: Server, tmp_path: Path
) -> None:
    port = f"port = {free_port()}"
    site = Site(apps, tmp_path, "insists")
    site.push(app("first", toml=port))
    site.until("ready")
    oid = site.push(app("second", toml=port))
    second = site.until("ready", oid=oid)
    assert site.text() == "second"
    assert f"The version before ends first: {port.replace(' =', '')} is all" in site.log(second)
    oid = site.push(app("third", before="raise SystemExit('no')", toml=port))
    site.until("failed", oid=oid)
    assert site.text() == "second"
    assert set(processes(apps).values()) == {second["deployment"]}
