"""The page that a visitor of a sleeping preview sees, in a real browser, and what it turns into."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.apps import AppServer, running
from support.server import commit
from support.upstream import Line, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    for server in running(tmp_path_factory.mktemp("apps")):
        server.cli("repo", "add", "alice/shop", "--public")
        work = server.data.parent / "work"
        commit(work, {"index.html": "a file"})
        server.git("push", server.remote("alice/shop"), "main", cwd=work)
        yield server


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if "Content Security" in said.text else None)
    yield page
    page.close()
    assert troubles == []


def shop(line: Line, head: bytes) -> None:
    target = head.split()[1]
    line.answer(b"<!doctype html><title>Shop</title><h1>Open</h1><p>" + target, b"Content-Type: text/html")


def test_it_shows_the_log_and_turns_into_the_app_at_the_same_address(apps: AppServer, page: Page) -> None:
    address = f"http://main-shop.localhost:{apps.port}/a/b?c=1"
    asked: list[Request] = []
    answered: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/.gitperch/state" in request.url else None)
    page.on("requestfinished", lambda request: answered.append(request) if request in asked else None)
    apps.say("main", "sleeping", log=["-----> Starting"])
    answer = page.goto(address)
    assert answer
    assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "2", "no-store")
    expect(page.get_by_role("heading", name="Waking up")).to_be_visible()
    assert "awake main 1 True" in apps.told
    apps.say("main", "starting", log=["-----> Starting", "       \x1b[32m<b>ready</b>\x1b[0m soon"])
    expect(page.get_by_role("heading", name="Starting")).to_be_visible()
    expect(page.locator("#log")).to_have_text("-----> Starting\n       <b>ready</b> soon")
    with serving(shop) as app:
        until = time.monotonic() + 60
        while len(asked) == len(answered):
            assert time.monotonic() < until, "the page does not ask"
            page.wait_for_timeout(20)
        waits = len(asked)
        apps.say("main", "ready", app.port)
        expect(page.get_by_role("heading", name="Open")).to_be_visible()
        assert len(asked) == waits, "who waits is told, and need not ask again"
        expect(page.get_by_text("/a/b?c=1")).to_be_visible()
        assert page.url == address


def test_a_failure_says_what_to_do_and_a_new_push_is_noticed(apps: AppServer, page: Page) -> None:
    apps.say("main", "failed", problem="npm start ended with status 1.", log=["Error: no such module"])
    answer = page.goto(f"http://main-shop.localhost:{apps.port}/")
    assert answer and answer.status == 502
    expect(page.get_by_text("npm start ended with status 1.")).to_be_visible()
    expect(page.get_by_text("Error: no such module")).to_be_visible()
    apps.say("main", "building", log=["-----> Building"])
    expect(page.get_by_role("heading", name="Building")).to_be_visible()
    with serving(shop) as app:
        apps.say("main", "ready", app.port)
        expect(page.get_by_role("heading", name="Open")).to_be_visible()


def test_it_works_without_scripts(apps: AppServer, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    apps.say("main", "sleeping")
    page.goto(f"http://main-shop.localhost:{apps.port}/x")
    with serving(shop) as app:
        apps.say("main", "ready", app.port)
        expect(page.get_by_role("heading", name="Open")).to_be_visible()
    context.close()


def test_it_survives_a_restart_of_the_server(apps: AppServer, page: Page) -> None:
    apps.say("main", "sleeping")
    page.goto(f"http://main-shop.localhost:{apps.port}/")
    apps.kill()
    time.sleep(0.5)
    apps.start()
    with serving(shop) as app:
        apps.say("main", "ready", app.port)
        expect(page.get_by_role("heading", name="Open")).to_be_visible()


def test_it_fits_a_small_screen(apps: AppServer, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    apps.say("main", "building", log=["x" * 290, "y " * 100])
    page.goto(f"http://main-shop.localhost:{apps.port}/")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
