"""A real browser: one per file of tests, a fresh page for each test, which fails it when the page complains on its console."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, expect, sync_playwright

from support import chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.server import Server

LEFT = "WebSocket is closed before the connection is established"  # so Chromium calls a page that is left early
WAIT = 45_000  # ms for anything to appear: whoever waits so long is on a very busy machine, or waits in vain
expect.set_options(timeout=WAIT)

OpenPage = "Callable[..., Page]"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window. Not for longer than a file: Playwright keeps an event loop running in this thread."""
    with sync_playwright() as playwright:
        try:
            launched = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        except Error as error:
            if os.geteuid() == 0:
                raise
            pytest.skip(f"no Chromium to test with (apt-get install chromium): {error.message.splitlines()[0]}")
        yield launched
        launched.close()


@dataclass
class Complaints:
    """What a page had to complain about; `expect` lets those pass that contain one of these texts."""

    heard: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, *texts: str) -> None:
        self.expected += texts

    def listen(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.heard.append(str(error)))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(f"{message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        return [text for text in self.heard if not any(expected in text for expected in (LEFT, *self.expected))]


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    complaints = Complaints()
    yield complaints
    assert complaints.unexpected() == []


@pytest.fixture
def open_page(browser: Browser, complaints: Complaints) -> Iterator[Callable[..., Page]]:
    """Opens a page with a cookie jar of its own; arguments as for Playwright's `new_context`."""
    contexts = []

    def opened(**options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        context.set_default_timeout(WAIT)
        contexts.append(context)
        page = context.new_page()
        complaints.listen(page)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page of somebody who has not signed in."""
    return open_page()


@pytest.fixture
def sign_in() -> Callable[[Page, Server], None]:
    """Signs the administrator in, through the form."""

    def enter(page: Page, server: Server) -> None:
        page.goto(f"{server.url}/signin")
        page.get_by_label("Name").fill(server.admin)
        page.get_by_label("Password").fill(server.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{server.url}/")

    return enter


@pytest.fixture
def signed_in(page: Page, server: Server, sign_in: Callable[[Page, Server], None]) -> Page:
    """The administrator's page on the shared server."""
    sign_in(page, server)
    return page
