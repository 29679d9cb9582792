"""A dev server with hot reload behind a preview's address: a real Vite, in a real browser."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support import vite
from support.previews import QUICK, Site
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page, WebSocket

    from browser.conftest import Complaints


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    kept, why_not = vite.kept()
    if not kept:
        pytest.skip(why_not)
    server = Server(tmp_path / "data", settings=QUICK | {"GITPERCH_PREVIEWS_START_SECONDS": "120"})
    server.start()
    try:
        site = Site(server, tmp_path, "starter")
        vite.lend(server, 1, kept)
        site.work.mkdir()
        (site.work / "package-lock.json").write_text((kept / "package-lock.json").read_text())
        yield site
    finally:
        server.stop()


def test_a_page_of_vite_changes_by_itself_after_a_push(site: Site, page: Page, complaints: Complaints) -> None:
    complaints.expect("WebSocket", "ERR_CONNECTION", "[vite]")  # it says that its server went, and comes back
    said: list[tuple[str, str]] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: said.append((socket.url, str(frame))))

    page.on("websocket", listen)
    site.push(vite.project("Before"))
    ready = site.until("ready", seconds=150)
    assert "npm ci" in site.log(ready)
    page.goto(ready["url"])
    expect(page.get_by_role("heading")).to_have_text("Before")
    page.get_by_role("button", name="Count is 0").click()
    expect(page.get_by_role("button")).to_have_text("Count is 1")
    _wait(page, said, '"connected"')
    host = f"ws://main-starter.localhost:{site.server.port}/"
    assert all(url.startswith(host) for url, _ in said)

    # A file that changes where the app runs is there without a reload: its message came through the gateway.
    checkout = site.server.data / f"plugins/preview/process/checkouts/{ready['deployment']}/app"
    if checkout.exists():
        (checkout / "src/style.css").write_text("h1 { color: rgb(1, 2, 3); }\n")
        expect(page.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")
        expect(page.get_by_role("button")).to_have_text("Count is 1")

    # A push replaces the server behind the address; the page that is open finds the new one by itself.
    oid = site.push(vite.project("After"))
    again = site.until("ready", oid=oid, seconds=150)
    assert "Dependencies as before" in site.log(again)
    expect(page.get_by_role("heading")).to_have_text("After", timeout=60_000)


def _wait(page: Page, said: list[tuple[str, str]], text: str) -> None:
    """Until Vite has said `text`."""
    until = time.monotonic() + 60
    while not any(text in message for _, message in said):
        assert time.monotonic() < until, said
        page.wait_for_timeout(50)
