"""The pages of previews, in a real browser, with real apps that were pushed by git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.previews import QUICK, Site, app, held, wait
from support.server import PASSWORD, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

    from browser.conftest import Complaints

SAYS = "echo '\x1b[32mbuilt\x1b[0m well'"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """It runs apps."""
    server = Server(tmp_path_factory.mktemp("server") / "data", settings=dict(QUICK))
    server.start()
    server.add_user("rita")
    yield server
    server.stop()


@pytest.fixture
def site(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(server, tmp_path, request.node.name.removeprefix("test_").replace("_", "-")[:24].strip("-"))


@pytest.fixture(autouse=True)
def leaving(complaints: Complaints) -> None:
    """Whoever follows a link at once leaves before the page has its socket."""
    complaints.expect("WebSocket is closed before the connection is established")


def row(page: Page, branch: str) -> Locator:
    return page.locator(f'.preview-row[data-part="{branch}"]')


def enter(page: Page, server: Server, name: str) -> None:
    page.goto(f"{server.url}/signin")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{server.url}/")


def states(page: Page, branch: str) -> None:
    """Note every state that a row shows, from now on."""
    page.evaluate(
        """branch => {
          window.seen = [];
          new MutationObserver(() => {
            const state = document.querySelector(`.preview-row[data-part="${branch}"] .dot`)?.dataset.state;
            if (state && state !== window.seen.at(-1)) window.seen.push(state);
          }).observe(document.body, { childList: true, subtree: true, attributes: true });
        }""",
        branch,
    )


def test_a_push_is_followed_from_the_queue_to_ready_without_a_reload(signed_in: Page, site: Site) -> None:
    page = signed_in
    site.push({"index.html": "files"})
    address = f"/alice/{site.name}"
    wait(lambda: f'"{address}/previews"' in site.server.get(address, user="alice").text, "the tab is there")
    page.goto(f"{site.server.url}/alice/{site.name}")
    page.get_by_role("navigation", name="Repository").get_by_role("link", name="Previews").click()
    expect(row(page, "main")).to_contain_text("Ready · files")
    expect(row(page, "main").get_by_role("button", name="Restart")).to_have_count(0)
    expect(page.locator("#live")).to_have_text("Live")
    states(page, "feature/cart")
    cart = row(page, "feature/cart")
    with held() as starts:
        with held() as builds:
            site.push(app("cart", before=f"import os; os.system({starts!r})", build=builds), "feature/cart")
            expect(cart).to_contain_text("Building")
            expect(cart.get_by_role("button")).to_have_text(["", "Stop"])  # the first one copies the address
        expect(cart).to_contain_text("Starting")
    expect(cart.get_by_role("button", name="Sleep feature/cart")).to_be_visible()
    expect(cart).to_contain_text("Ready")
    expect(cart).to_contain_text(re.compile(r"\d MB · process"))
    seen = page.evaluate("window.seen")
    assert seen[-3:] == ["building", "starting", "ready"] and set(seen) <= {"queued", "building", "starting", "ready"}
    cart.get_by_role("link", name=re.compile(r"^feature-cart-")).click()
    expect(page.locator("body")).to_have_text("cart")


def test_sleep_and_wake_by_button(signed_in: Page, site: Site) -> None:
    page = signed_in
    site.push(app("drowsy"))
    site.until("ready")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    main = row(page, "main")
    main.get_by_role("button", name="Sleep main").focus()
    page.keyboard.press("Enter")
    expect(main).to_contain_text("Sleeping")
    expect(main).to_contain_text("no memory")
    expect(main.get_by_role("button", name="Wake main")).to_be_visible()
    assert site.state() == "sleeping"
    expect(main).to_be_focused()  # and no other button, which a second press would push
    main.get_by_role("button", name="Wake main").click()
    expect(main).to_contain_text("Ready")
    main.get_by_role("button", name="Stop main").click()
    expect(main).to_contain_text("Stopped")
    expect(main.get_by_role("button", name="Start main")).to_be_visible()
    assert "previews" in page.url


def test_a_log_streams_stays_at_its_end_and_lets_people_read(signed_in: Page, site: Site) -> None:
    page = signed_in
    before = "import threading, time\ndef say():\n    for n in range(4000):\n"
    before += "        print('line', n, flush=True)\n        time.sleep(0.05)\n"
    log = page.get_by_role("log")
    with held() as builds:
        files = app("talks", before=before + "threading.Timer(1, say).start()", build=f"{builds}; {SAYS}")
        site.push(files, "feature/talk")
        site.until("building", "feature/talk")
        page.goto(f"{site.server.url}/alice/{site.name}/previews/feature/talk")
        expect(log).to_contain_text("Building feature/talk")
    expect(log.locator(".sgr-2", has_text="built")).to_be_visible()
    assert "\x1b" not in (log.text_content() or "")
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    expect(log).to_contain_text("line 40")
    at_end = "log => log.scrollTop + log.clientHeight >= log.scrollHeight - 20"
    wait(lambda: log.evaluate(at_end), "the end is in sight")
    log.evaluate("log => log.scrollTop = 0")
    more = page.get_by_role("button", name=re.compile(r"\d+ new lines"))
    expect(more).to_be_visible()
    assert log.evaluate("log => log.scrollTop") == 0
    more.click()
    wait(lambda: log.evaluate(at_end), "the end is in sight again")
    expect(more).to_be_hidden()
    past = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    expect(past).to_have_count(1)
    expect(past).to_contain_text(re.compile(r"Ready, built in \d+(\.\d)? m?s, started in \d"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert "built well" in download.value.path().read_text()


def test_a_newer_deployment_takes_the_page_over_unless_another_is_looked_at(signed_in: Page, site: Site) -> None:
    page = signed_in
    site.push(app("one"))
    first = site.until("ready")["deployment"]
    page.goto(f"{site.server.url}/alice/{site.name}/previews/main")
    expect(page.get_by_role("log")).to_contain_text("hello from one")
    oid = site.push(app("two"))
    expect(page.get_by_role("log")).to_contain_text("hello from two")
    expect(page.get_by_role("log")).not_to_contain_text("hello from one")
    expect(page.get_by_role("heading", name="Log of")).to_contain_text(oid[:8])
    past = page.get_by_role("region", name="Deployments").get_by_role("listitem")
    expect(past).to_have_count(2)
    past.last.get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"deployment={first}"))
    expect(page.get_by_role("log")).to_contain_text("hello from one")
    expect(past.last).to_contain_text("Replaced")
    site.push(app("three"))
    expect(past).to_have_count(3)
    expect(page.get_by_role("log")).not_to_contain_text("hello from three")
    page.get_by_role("link", name="To the newest").click()
    expect(page.get_by_role("log")).to_contain_text("hello from three")


def test_a_failure_says_what_happened_and_what_still_answers(signed_in: Page, site: Site) -> None:
    page = signed_in
    good = site.push(app("good"))
    site.until("ready")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    site.push(app("bad", build="echo no such module; exit 7"))
    main = row(page, "main")
    expect(main).to_contain_text("Failed")
    expect(main).to_contain_text("echo no such module; exit 7 failed")
    expect(main).to_contain_text(f"Still {good[:8]} answers, the version before.")
    assert site.text() == "good"
    main.get_by_role("link", name="Log of main").click()
    expect(page.get_by_role("log")).to_contain_text("no such module")
    expect(page.get_by_text("Push a fix, or build it again")).to_be_visible()
    expect(page.get_by_text("It ends here: the deployment failed.")).to_be_visible()
    page.get_by_role("button", name="Build again main").click()
    expect(page.get_by_role("region", name="Deployments").get_by_role("listitem")).to_have_count(3)


def test_who_may_only_read_sees_states_and_addresses(
    open_page: Callable[..., Page], site: Site, complaints: Complaints
) -> None:
    complaints.expect("403")  # what is refused below
    page = open_page()
    site.push(app("seen"))
    site.until("ready")
    enter(page, site.server, "rita")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    expect(row(page, "main")).to_contain_text("Ready")
    expect(row(page, "main").get_by_role("link", name=re.compile("^main-"))).to_be_visible()
    expect(page.locator(".preview-buttons")).to_have_count(0)
    page.goto(f"{site.server.url}/alice/{site.name}/previews/main")
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    expect(page.get_by_role("log")).to_have_count(0)
    expect(page.locator(".preview-do, dialog")).to_have_count(0)
    refused = page.evaluate(
        """async () => (await fetch(location.pathname, {method: "POST", redirect: "manual",
             headers: {"content-type": "application/x-www-form-urlencoded"}, body: "do=stop"})).status"""
    )
    assert refused == 403
    assert site.state() == "ready"


def test_a_share_link_is_made_opened_by_a_stranger_and_revoked(
    signed_in: Page, open_page: Callable[..., Page], server: Server, tmp_path: Path, complaints: Complaints
) -> None:
    complaints.expect("favicon.ico")  # of the garden, which has none
    page, stranger = signed_in, open_page()
    site = Site(server, tmp_path, "secret", "--private")
    site.push({"index.html": "<h1>Secret garden</h1>"}, "feature/herbs")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    row(page, "feature/herbs").get_by_role("link", name="Share feature/herbs").click()
    dialog = page.get_by_role("dialog", name="Share this preview")
    dialog.get_by_label("Good for").select_option("3 days")
    dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_role("listitem")
    expect(link).to_contain_text("ends in 2 days")
    address = link.locator("code").get_attribute("title") or ""
    stranger.goto(address)
    expect(stranger.get_by_role("heading", name="Secret garden")).to_be_visible()
    link.get_by_role("button", name="Revoke").click()
    expect(link).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).not_to_have_url(re.compile("share"))
    assert site.server.get(address).status == 403


def test_it_works_without_scripts(browser: Browser, site: Site) -> None:
    site.push(app("plain"))
    site.until("ready")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    enter(page, site.server, "alice")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    row(page, "main").get_by_role("button", name="Sleep main").click()
    site.until("sleeping")
    page.reload()  # nothing else asks again here
    expect(row(page, "main")).to_contain_text("Sleeping")
    row(page, "main").get_by_role("link", name="main", exact=True).click()
    expect(page.get_by_role("log")).to_contain_text("hello from plain")
    page.get_by_role("button", name="Wake main").click()
    site.until("ready")
    page.reload()
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    context.close()


def test_the_graph_and_the_branches_show_each_change_and_a_click_opens_the_preview(
    signed_in: Page, site: Site, complaints: Complaints
) -> None:
    complaints.expect("503")  # of the page that shows how the preview wakes
    page = signed_in
    site.push(app("alive"))
    site.until("ready")
    branches = page.context.new_page()
    branches.goto(f"{site.server.url}/alice/{site.name}/branches")
    page.goto(f"{site.server.url}/alice/{site.name}")
    dot = page.get_by_role("link", name="Preview of main: ready")
    expect(dot.locator('.dot[data-state="ready"]')).to_be_visible()
    site.act("sleep")
    expect(page.get_by_role("link", name="Preview of main: sleeping")).to_be_visible()
    expect(branches.get_by_role("link", name="Sleeping", exact=True)).to_be_visible()
    expect(branches.locator('.preview .dot[data-state="sleeping"]')).to_be_visible()
    page.get_by_role("link", name="Preview of main: sleeping").click()
    expect(page.locator("body")).to_have_text("alive")
    expect(branches.get_by_role("link", name="Ready", exact=True)).to_be_visible()
    branches.get_by_role("link", name="Ready", exact=True).click()
    expect(branches.get_by_role("log")).to_contain_text("hello from alive")


def test_a_branch_that_is_deleted_leaves_the_list_and_its_page_says_so(
    signed_in: Page, site: Site, complaints: Complaints
) -> None:
    complaints.expect("404")
    page, one = signed_in, signed_in.context.new_page()
    site.push({"index.html": "stays"})
    site.push(app("goes"), "feature/brief")
    site.until("ready", "feature/brief")
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    one.goto(f"{site.server.url}/alice/{site.name}/previews/feature/brief")
    expect(one.get_by_role("log")).to_contain_text("hello from goes")
    site.delete("feature/brief")
    expect(row(page, "feature/brief")).to_have_count(0)
    expect(row(page, "main")).to_be_visible()
    expect(one.get_by_role("alert")).to_contain_text("There is no preview of a branch 'feature/brief'")
    expect(one.get_by_text("This log is not kept any more.")).to_be_visible()


def test_a_page_goes_on_after_a_restart_of_the_server(signed_in: Page, site: Site, complaints: Complaints) -> None:
    complaints.expect("ERR_", "WebSocket connection", "Failed to load resource")
    page = signed_in
    site.push(app("again"))
    site.until("ready")
    page.goto(f"{site.server.url}/alice/{site.name}/previews/main")
    log = page.get_by_role("log")
    expect(log).to_contain_text("hello from again")
    site.server.restart()
    expect(log.get_by_text("hello from again")).to_have_count(2)
    expect(page.get_by_role("heading", name="Ready")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")
    page.get_by_role("button", name="Sleep").click()
    expect(page.get_by_role("heading", name="Sleeping")).to_be_visible()


def test_what_a_repository_says_is_text(signed_in: Page, site: Site) -> None:
    page, branch = signed_in, "odd/<svg/onload=alert(1)>#100%&\"'"
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    site.push(
        app("odd", before="print('<img src=x onerror=alert(2)>', '\\x1b[31;1mred\\x1b[0m', '\\x1b]0;title\\x07')"),
        branch,
    )
    site.until("ready", branch)
    page.goto(f"{site.server.url}/alice/{site.name}/previews")
    page.get_by_role("link", name=branch, exact=True).click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("<img src=x onerror=alert(2)> red")
    expect(log.locator(".sgr-1.sgr-bold")).to_have_text("red")
    page.get_by_role("button", name="Sleep").click()
    expect(page.get_by_role("heading", name="Sleeping")).to_be_visible()
    assert site.state(branch) == "sleeping"


def test_nothing_is_wider_than_a_phone(signed_in: Page, site: Site) -> None:
    page = signed_in
    site.push(app("narrow", build="printf '%0.sx' $(seq 600); exit 1"), "feature/" + "long-" * 12 + "name")
    site.push({"index.html": ""}, "main")
    branch = site.until("failed", "feature/" + "long-" * 12 + "name")["branch"]
    page.set_viewport_size({"width": 360, "height": 720})
    for path in ("", f"/{branch}", "/main"):
        page.goto(f"{site.server.url}/alice/{site.name}/previews{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
