"""The page with settings and secrets of previews, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from support.server import Server


def test_a_secret_is_set_changed_and_removed(signed_in: Page, server: Server) -> None:
    server.cli("repo", "add", "alice/vault")
    page = signed_in
    page.goto(f"{server.url}/alice/vault/settings")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Previews").click()
    page.get_by_label("Name").fill("API_KEY")
    page.get_by_label("Value", exact=True).fill("first-value")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="It is set")).to_be_visible()
    row = page.get_by_role("listitem").filter(has_text="API_KEY").first
    expect(row).to_contain_text("Secret")
    expect(row).to_contain_text("set just now by alice")
    row.get_by_role("link", name="Change API_KEY").click()
    expect(page.get_by_role("heading", name="Change API_KEY")).to_be_visible()
    expect(page.get_by_label("New value")).to_have_value("")
    page.get_by_label("New value").fill("-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="It is set")).to_be_visible()
    size = server.get("/api/repos/alice/vault/previews/env/API_KEY", user="alice").json()["size"]
    assert size == len("-----BEGIN KEY-----\nabc\n-----END KEY-----\n")
    page.get_by_role("button", name="Remove API_KEY").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("status").filter(has_text="It is removed")).to_be_visible()
    assert "first-value" not in page.content()


def test_nothing_is_wider_than_a_phone(signed_in: Page, server: Server) -> None:
    server.cli("repo", "add", "alice/narrow")
    server.cli("env", "set", "alice/narrow", f"{'A' * 128}={'x' * 3000}", "LINES=a\nb\nc\nd\ne\nf\ng\nh\ni")
    signed_in.set_viewport_size({"width": 360, "height": 700})
    signed_in.goto(f"{server.url}/alice/narrow/settings/previews")
    assert signed_in.evaluate("document.documentElement.scrollWidth") <= 360
