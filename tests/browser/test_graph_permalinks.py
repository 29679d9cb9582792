"""Links to every state of the graph: place, commit, search, filters; and what Back does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commits, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `alice/links` was imported from: three hundred commits in a row."""
    folder = tmp_path_factory.mktemp("links")
    commits(folder, (({}, f"Note {number}") for number in range(300)))
    server.cli("repo", "add", f"{server.admin}/links", "--public", "--from", str(folder))
    return folder


@pytest.fixture
def graph(page: Page, server: Server, work: Path) -> GraphPage:
    return GraphPage(page, server, f"{server.admin}/links").open()


@pytest.fixture
def elsewhere(open_page: Callable[..., Page], server: Server, work: Path) -> Callable[..., GraphPage]:
    """Somebody else, who opens a link in a window of another size."""

    def opened(query: str, height: int = 640) -> GraphPage:
        page = open_page(viewport={"width": 1100, "height": height})
        return GraphPage(page, server, f"{server.admin}/links").open(query)

    return opened


def query(graph: GraphPage) -> str:
    return str(graph.page.evaluate("location.search"))


def middle(graph: GraphPage) -> int:
    """The number of the note in the middle of what is in sight."""
    expect(graph.grid.locator('[role="row"]:not([hidden]):not([data-waiting])').first).to_be_visible()
    graph.settle()
    subjects = [subject for subject in graph.subjects() if subject.startswith("Note")]
    return int(subjects[len(subjects) // 2].removeprefix("Note "))


def test_a_place_is_a_link_that_shows_the_same_to_somebody_else(
    graph: GraphPage, elsewhere: Callable[..., GraphPage]
) -> None:
    graph.scroll_to(0.5)
    graph.page.wait_for_url(re.compile(r"\?at=[0-9a-f]{12}$"))
    here = middle(graph)
    there = elsewhere(query(graph))
    assert middle(there) == pytest.approx(here, abs=1)
    graph.scroll_to(0)
    graph.page.wait_for_url(lambda url: "at=" not in url)


def test_scrolling_is_no_step_back_but_a_commit_is(graph: GraphPage) -> None:
    graph.commit("Note 295").click()
    expect(graph.details.get_by_role("heading", name="Note 295")).to_be_visible()
    graph.scroll_to(0.3)
    graph.page.wait_for_url(re.compile("at="))
    first = re.findall("commit=[0-9a-f]+", graph.page.url)
    graph.scroll_to(0.6)
    graph.settle()
    middle_row = graph.grid.locator('[role="row"]:not([hidden])').nth(3)
    middle_row.click()
    graph.page.wait_for_url(lambda url: len(found := re.findall("commit=[0-9a-f]+", url)) == 1 and found != first)
    graph.page.go_back()
    expect(graph.details.get_by_role("heading", name="Note 295")).to_be_visible()
    graph.page.go_back()
    expect(graph.details).to_be_hidden()


def test_a_commit_and_a_place_are_both_kept(graph: GraphPage, elsewhere: Callable[..., GraphPage]) -> None:
    graph.commit("Note 297").click()
    graph.scroll_to(0.7)
    graph.page.wait_for_url(re.compile("at="))
    there = elsewhere(query(graph), 800)
    expect(there.details.get_by_role("heading", name="Note 297")).to_be_visible()
    assert middle(there) == pytest.approx(middle(graph), abs=1)


def test_a_ref_and_a_short_oid_are_places_too(elsewhere: Callable[..., GraphPage], work: Path) -> None:
    oid = git("rev-parse", "main~150", cwd=work).stdout.strip()
    assert middle(elsewhere(f"?at={oid[:9]}")) == pytest.approx(149, abs=2)
    expect(elsewhere("?at=main").row(1)).to_contain_text("Note 299")
    found = elsewhere(f"?commit={oid[:10]}")
    expect(found.details.get_by_role("heading", name="Note 149")).to_be_visible()
    expect(found.commit("Note 149")).to_be_in_viewport()


def test_what_is_not_there_is_said_kindly(elsewhere: Callable[..., GraphPage], complaints: object) -> None:
    complaints.expect("404")  # type: ignore[attr-defined]
    missing = "0123456789abcdef0123456789abcdef01234567"
    there = elsewhere(f"?at={missing}")
    expect(there.page.get_by_role("status").filter(has_text="0123456789ab is not in this graph")).to_be_visible()
    expect(there.commit("Note 299")).to_be_visible()
    there = elsewhere(f"?commit={missing}")
    expect(there.page.get_by_role("status").filter(has_text="is not in this graph")).to_be_visible()
    expect(there.details.get_by_role("alert")).to_contain_text("There is no commit")


def test_filters_are_in_the_link(graph: GraphPage, elsewhere: Callable[..., GraphPage]) -> None:
    graph.page.keyboard.press("f")
    graph.page.wait_for_url(re.compile("first_parent=1"))
    expect(graph.page.get_by_role("status").filter(has_text="First parents only")).to_be_attached()
    elsewhere(query(graph))
    graph.page.go_back()
    graph.page.wait_for_url(lambda url: "first_parent" not in url)


def test_a_link_to_a_commit_is_copied_with_its_view(graph: GraphPage, work: Path) -> None:
    graph.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    graph.page.keyboard.press("j")
    graph.page.keyboard.press("j")
    graph.page.keyboard.press("y")
    expect(graph.page.get_by_role("status").filter(has_text="Copied a link")).to_be_visible()
    oid = git("rev-parse", "main~1", cwd=work).stdout.strip()
    assert graph.page.evaluate("navigator.clipboard.readText()") == f"{graph.address}?commit={oid}"
    graph.page.keyboard.press("c")
    expect(graph.page.get_by_role("status").filter(has_text="Copied the commit’s id")).to_be_visible()
    assert graph.page.evaluate("navigator.clipboard.readText()") == oid


def test_what_the_filters_leave_out_is_one_button_away(graph: GraphPage, complaints: object, work: Path) -> None:
    complaints.expect("404")  # type: ignore[attr-defined]
    graph.open("?author=nobody-of-this-name&after=2001-01-01")
    graph.page.keyboard.press("/")
    graph.page.keyboard.type("main")
    graph.page.keyboard.press("Enter")
    said = graph.page.get_by_role("status").filter(has_text="main is left out by the filters")
    said.get_by_role("button", name="Show everything").click()
    expect(graph.grid.locator("[data-current]")).to_contain_text("Note 299")
    expect(graph.page).not_to_have_url(re.compile("author"))


def test_back_over_a_filter_and_a_place_comes_to_both(graph: GraphPage) -> None:
    graph.scroll_to(0.5)
    graph.page.wait_for_url(re.compile(r"\?at="))
    here = middle(graph)
    graph.page.keyboard.press("f")
    graph.page.wait_for_url(re.compile("first_parent=1"))
    expect(graph.page.get_by_role("status").filter(has_text="First parents only")).to_be_attached()
    before = re.findall("at=[0-9a-f]+", graph.page.url)
    graph.scroll_to(0.1)
    graph.page.wait_for_url(lambda url: re.findall("at=[0-9a-f]+", url) not in ([], before))
    graph.page.go_back()
    graph.page.wait_for_url(lambda url: "first_parent" not in url)
    expect(graph.commit(f"Note {here}")).to_be_in_viewport()
    graph.settle()
    assert middle(graph) == pytest.approx(here, abs=1)
