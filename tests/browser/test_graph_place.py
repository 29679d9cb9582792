"""Where a reader is: it stays before him when rows change their height, and screen readers are told of every step."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import git

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from support.server import Server

COMMITS = 2_000
HERE = 1_400


@pytest.fixture(scope="module")
def straight(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A history of one line, on the server."""
    folder = tmp_path_factory.mktemp("straight") / "straight.git"
    git("init", "--quiet", "--bare", str(folder))
    stream = "".join(
        f"commit refs/heads/main\nauthor Ada <ada@example.com> {1_500_000_000 + number} +0000\n"
        f"committer Ada <ada@example.com> {1_500_000_000 + number} +0000\ndata <<.\nCommit {number}\n.\n\n"
        for number in range(COMMITS)
    )
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream.encode(), check=True, timeout=60)
    name = f"{server.admin}/straight"
    server.cli("repo", "add", name, "--public", "--from", str(folder))
    return name


def test_smaller_rows_far_down_the_history_leave_their_reader_where_he_is(
    page: Page, server: Server, straight: str
) -> None:
    graph = GraphPage(page, server, straight).open(f"?at={HERE}")
    expect(graph.row(HERE + 1)).to_be_visible()
    for key, mode in [("-", "compact"), ("-", "overview"), ("+", "compact"), ("+", "normal")]:
        page.keyboard.press(key)
        expect(page.locator("#graph")).to_have_attribute("data-mode", mode)
        # The rows have glided there, and the browser has said whatever it has to say of its scroll bar.
        page.wait_for_function(
            """() => new Promise((is) => {
                 const list = document.querySelector('#graph-list');
                 const drawn = () => [list.style.getPropertyValue('--row-height'), list.scrollTop].join();
                 const from = drawn();
                 setTimeout(() => is(drawn() === from), 250);
               })"""
        )
        expect(graph.row(HERE + 1)).to_be_in_viewport()


def test_every_commit_that_the_keyboard_comes_to_is_a_new_one_to_screen_readers(
    page: Page, server: Server, straight: str
) -> None:
    graph = GraphPage(page, server, straight).open()
    page.keyboard.press("j")
    expect(graph.row(1)).to_have_attribute("data-current", "")
    first = graph.grid.get_attribute("aria-activedescendant")
    # The rows go round: so many further down, the same element would show the commit.
    around = graph.grid.locator(".graph-rows > .row").count()
    page.keyboard.press("/")
    page.keyboard.type(f'"Commit {COMMITS - 1 - around}"')
    page.keyboard.press("Enter")
    expect(graph.row(1 + around)).to_have_attribute("data-current", "")
    expect(graph.grid).not_to_have_attribute("aria-activedescendant", first or "")
    expect(graph.row(1 + around)).to_have_id(graph.grid.get_attribute("aria-activedescendant") or "none")


def test_a_row_is_read_in_parts_and_nothing_is_said_of_what_is_not_open(
    page: Page, server: Server, straight: str
) -> None:
    graph = GraphPage(page, server, straight).open()
    expect(graph.row(1)).to_have_accessible_name(re.compile(rf"^branch main ?, Commit {COMMITS - 1} Ada Jul 2017$"))
    page.keyboard.press("j")
    expect(graph.grid.locator("[aria-selected]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(graph.row(1)).to_have_attribute("aria-selected", "true")


def test_a_search_says_once_how_much_it_has_found(page: Page, server: Server, straight: str) -> None:
    GraphPage(page, server, straight).open()
    page.evaluate(
        """() => {
             window.told = [];
             const status = document.querySelector('.graph-found');
             new MutationObserver(() => status.textContent && told.push(status.textContent)).observe(status, { childList: true });
           }"""
    )
    page.keyboard.press("/")
    page.keyboard.type("message:commit")
    page.keyboard.press("Enter")
    expect(page.locator(".graph-found")).to_have_text("2,000 commits found, 1 of 2,000")
    assert page.evaluate("told") == ["2,000 commits found, 1 of 2,000"]
