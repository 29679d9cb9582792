"""The pages as people meet them: on a phone, by keyboard alone, in the dark, without scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from gitperch.pages.filters import relative
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from browser.conftest import Complaints
    from support.server import Server

PAGES = (
    "/",
    "/new",
    "/account",
    "/alice/garden",
    "/alice/empty",
    "/alice/empty/tree",
    "/alice/garden/tree",
    "/alice/garden/tree/main/docs",
    "/alice/garden/blob/main/README.md",
    "/alice/garden/blob/main/wide.txt",
    "/alice/garden/branches",
    "/alice/garden/tags",
    "/alice/garden/insights",
    "/alice/garden/settings",
    "/alice/garden/commit/{oid}",
    "/alice/missing",
)


@pytest.fixture(scope="module")
def oid(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """`alice/garden` with long names and wide lines; the oid of its newest commit."""
    work = tmp_path_factory.mktemp("garden")
    wide = "word " * 200
    table = "| a | b |\n|---|---|\n| " + "x" * 300 + " | 2 |\n"
    commit(
        work, {"README.md": f"# Garden\n\n{table}\n```\n{wide}\n```\n", "wide.txt": wide, "docs/a.md": "# A\n"}, "Begin"
    )
    git("branch", "a-branch-with-a-name/that-is-longer/than-any-phone-is-wide/by-far", cwd=work)
    git("tag", "v1.0-with-a-very-long-name-for-a-tag-of-a-small-release", cwd=work)
    newest = commit(work, {"wide.txt": wide + "end", "x" * 120 + ".txt": "1"}, "Change " + "everything" * 20)
    server.git("push", "-q", server.remote("alice/garden"), "--all", cwd=work)
    server.git("push", "-q", server.remote("alice/garden"), "--tags", cwd=work)
    server.cli("repo", "add", "alice/empty")
    return newest


@pytest.fixture
def visit(
    open_page: Callable[..., Page], sign_in: Callable[[Page, Server], None], server: Server
) -> Callable[..., Page]:
    """The administrator's page in a browser session with these options; addresses are relative to the server."""

    def visited(**options: Any) -> Page:
        page = open_page(base_url=server.url, **options)
        sign_in(page, server)
        return page

    return visited


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(visit: Callable[..., Page], complaints: Complaints, oid: str, scheme: str) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "color_scheme": scheme}
    complaints.expect("404")
    page = visit(**phone)
    for path in PAGES:
        page.goto(path.format(oid=oid))
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, .button, input:not([type=hidden]), select, summary, .tabs a")]
                .filter((e) => e.checkVisibility() && !e.closest("label"))
                .filter((e) => e.getBoundingClientRect().height < 44)
                .map((e) => e.outerHTML.slice(0, 120))"""
        )
        assert small == [], path
        tab = page.locator(".tabs [aria-current]")
        if tab.count():
            expect(tab).to_be_in_viewport(ratio=0.99)


def test_text_is_legible_in_light_and_dark(visit: Callable[..., Page], complaints: Complaints, oid: str) -> None:
    complaints.expect("404")
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme)
        for path in PAGES:
            page.goto(path.format(oid=oid))
            assert page.evaluate(FAINT) == [], (scheme, path)


def test_signing_in_and_making_a_repository_by_keyboard_alone(open_page: Callable[..., Page], server: Server) -> None:
    page = open_page(base_url=server.url)
    page.goto("/new")
    assert "/signin?next=/new" in page.url
    page.wait_for_selector("[autofocus]:focus")
    page.keyboard.type(server.admin)
    page.keyboard.press("Tab")
    page.keyboard.type(server.password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/new")
    page.wait_for_selector("[autofocus]:focus")
    page.keyboard.type("typed")
    page.keyboard.press("Tab")
    page.keyboard.type("Made without a mouse")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Public")).to_be_checked()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/alice/typed")
    expect(page.get_by_text("Made without a mouse")).to_be_visible()


def test_the_first_tab_offers_to_skip_to_the_content(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/account")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    box = skip.bounding_box()
    assert box
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_whatever_has_the_focus_shows_it(visit: Callable[..., Page], oid: str) -> None:
    page = visit()
    page.goto("/alice/garden/branches")
    for _ in range(25):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            """() => { const e = document.activeElement; if (e === document.body) return true;
                const s = getComputedStyle(e); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; }"""
        )
        assert shown, page.evaluate("document.activeElement.outerHTML")


def test_the_account_menu_opens_and_closes_from_the_keyboard(visit: Callable[..., Page]) -> None:
    page = visit()
    menu = page.get_by_label("Account of alice")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Account and tokens")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Account and tokens")).to_be_hidden()
    expect(page.get_by_label("Account of alice")).to_be_focused()


def test_the_theme_is_chosen_with_a_button_and_kept(visit: Callable[..., Page]) -> None:
    page = visit(color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    button = page.get_by_role("button", name="Colours")
    button.click()
    assert page.evaluate(ground) == light
    button.click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    button.click()
    assert page.evaluate(ground) == light
    assert page.evaluate("document.cookie") == ""


def test_the_clone_address_is_copied(visit: Callable[..., Page], server: Server, oid: str) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/alice/garden/tree")
    page.get_by_role("button", name="Copy the clone address").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == f"{server.url}/alice/garden.git"
    page.get_by_role("button", name="Copy the clone address").wait_for()


def test_revoking_a_token_asks_first(visit: Callable[..., Page]) -> None:
    page = visit()
    page.goto("/account")
    page.get_by_label("Name", exact=True).fill("kept-or-not")
    page.get_by_role("button", name="Create token").click()
    page.get_by_role("button", name="Copy the token").wait_for()
    revoke = page.get_by_role("button", name="Revoke kept-or-not")
    revoke.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(revoke).to_be_visible()
    revoke.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("The token is revoked").wait_for()
    expect(revoke).to_be_hidden()


def test_pages_can_be_read_and_forms_sent_without_scripts(visit: Callable[..., Page], oid: str) -> None:
    page = visit(java_script_enabled=False)
    page.goto("/alice/garden/tree")
    page.get_by_role("link", name="Folder docs").click()
    page.get_by_role("link", name="a.md").click()
    expect(page.get_by_role("heading", name="A", exact=True)).to_be_visible()
    page.goto(f"/alice/garden/commit/{oid}")
    expect(page.get_by_text("2 files changed")).to_be_visible()
    assert page.get_by_role("button", name="Copy the commit id").count() == 0
    page.goto("/alice/garden/settings")
    page.get_by_label("Description").fill("Sent without a script")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()


def test_nothing_moves_for_those_who_asked_for_stillness(visit: Callable[..., Page], oid: str) -> None:
    page = visit(reduced_motion="reduce")
    page.goto("/alice/garden/branches")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) => {
            const s = getComputedStyle(e);
            return parseFloat(s.transitionDuration) > 0.001 || parseFloat(s.animationDuration) > 0.001;
        }).map((e) => e.outerHTML.slice(0, 100))"""
    )
    assert moving == []


# Every visible text whose contrast with what is painted behind it is below 4.5 (3 for large text): WCAG 2.2, 1.4.3.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => {
      const c = v / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  };
  const light = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility() || element.closest(".visually-hidden, svg")) continue;
    const grounds = [];
    for (let e = element; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
    const style = getComputedStyle(element);
    const a = light(paint(grounds)), b = light(paint([...grounds, style.color]));
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5))
      found.push(`${contrast.toFixed(2)} ${element.outerHTML.slice(0, 100)}`);
  }
  return found;
}"""


def test_the_page_words_times_as_the_server_does(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/signin")
    ages = [0, 59, 60, 3599, 3600, 90_000, 51 * 86400, 61 * 86400, 500 * 86400, 3000 * 86400, -400, -200_000]
    found = page.evaluate(
        """async (ages) => {
            const source = document.querySelector("script[src$='/ui/main.all.js']").src.replace("main.all", "times");
            const { relative } = await import(source);
            return ages.map((age) => relative(1e9 - age, 1e9));
        }""",
        ages,
    )
    assert found == [relative(1e9 - age, 1e9) for age in ages]
