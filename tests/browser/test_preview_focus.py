"""Where the focus is on the pages of previews, after what had it is gone: never nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.previews import QUICK, Site, app
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from browser.conftest import Complaints

LISTENS = 15_000  # ms for an app to come up


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It runs apps."""
    server = Server(tmp_path_factory.mktemp("server") / "data", settings=dict(QUICK))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def secret(server: Server, tmp_path: Path) -> Site:
    site = Site(server, tmp_path, "secret", "--private")
    site.push(app("secret"))
    site.until("ready")
    return site


def test_a_dialog_gives_the_focus_back_though_the_page_behind_it_has_changed(
    signed_in: Page, secret: Site, complaints: Complaints
) -> None:
    complaints.expect("WebSocket is closed before the connection is established")
    page = signed_in
    page.goto(f"{secret.server.url}/alice/secret/previews/main")
    page.get_by_role("link", name="Share").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Share this preview")
    dialog.get_by_role("button", name="Make a link").press("Enter")
    revoke = dialog.get_by_role("button", name="Revoke")
    revoke.focus()
    secret.act("sleep")
    expect(page.locator("#preview-state")).to_contain_text("Sleeping", timeout=LISTENS)
    revoke.press("Space")
    expect(revoke).to_have_count(0)
    expect(dialog.get_by_role("list")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Share")).to_be_focused()


def test_a_failure_says_why_also_when_a_later_push_has_mended_it(
    signed_in: Page, server: Server, tmp_path: Path
) -> None:
    site = Site(server, tmp_path, "mended")
    site.push(app("bad", build="exit 7"))
    site.until("failed")
    site.push(app("good"))
    site.until("ready")
    page = signed_in
    page.goto(f"{server.url}/alice/mended/previews/main")
    failed = page.get_by_role("listitem").filter(has_text=re.compile("Failed after"))
    expect(failed).to_contain_text("exit 7 failed. It ended with status 7.")
