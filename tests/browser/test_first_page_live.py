"""The first page follows what happens to previews, without a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.previews import QUICK, Site, app
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server") / "data", settings=dict(QUICK))
    server.start()
    yield server
    server.stop()


def test_dots_and_cards_follow(signed_in: Page, server: Server, tmp_path: Path) -> None:
    page = signed_in
    shop, other = Site(server, tmp_path, "shop"), Site(server, tmp_path, "other")
    other.push({"index.html": "files"})
    shop.push(app("shop"))
    shop.until("ready")
    page.goto(f"{server.url}/")
    page.evaluate("window.same = true")
    card = page.locator('[data-part="alice/shop"]')
    dot = card.locator('[data-preview="main"] .dot')
    expect(dot).to_have_attribute("data-state", "ready")
    shop.act("sleep")
    expect(dot).to_have_attribute("aria-label", "sleeping")
    shop.push(app("cart"), "feature/cart")
    expect(card.locator('[data-preview="feature/cart"] .dot')).to_have_attribute("data-state", "ready")
    expect(card.locator(".last-push")).to_contain_text("feature/cart")
    shop.delete("feature/cart")
    expect(card.locator(".preview")).to_have_count(1)
    expect(page.locator('[data-part="alice/other"] .dot')).to_have_attribute("data-state", "ready")
    assert page.evaluate("window.same")
