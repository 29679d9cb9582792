"""Searching in the graph: what is typed, what is offered, what is found, and what a push does to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, commits, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from support.server import Server


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `alice/orchard` was imported from: eighty commits, every tenth about apples, three of them by Grace."""
    folder = tmp_path_factory.mktemp("orchard")
    about = ["Prune the apple trees" if number % 10 == 5 else f"Note {number}" for number in range(80)]
    days = enumerate(about)
    commits(folder, (({"notes.txt": f"{day}\n"}, f"{text}\n\nDay {day} of the year.") for day, text in days))
    for number in range(3):
        (folder / "ada.txt").write_text(f"{number}\n")
        git("add", "--all", cwd=folder)
        git(
            "commit",
            "--quiet",
            "--author",
            "Grace Hopper <grace@example.com>",
            "-m",
            f"Compute the harvest {number}",
            cwd=folder,
        )
    git("branch", "apple-harvest", "main~40", cwd=folder)
    git("tag", "spring", "main~60", cwd=folder)
    server.cli("repo", "add", f"{server.admin}/orchard", "--public", "--from", str(folder))
    return folder


@pytest.fixture
def graph(page: Page, server: Server, work: Path) -> GraphPage:
    return GraphPage(page, server, f"{server.admin}/orchard").open()


def box(graph: GraphPage) -> Locator:
    return graph.page.get_by_role("combobox", name="Find branches, tags and commits")


def panel(graph: GraphPage) -> Locator:
    return graph.page.get_by_role("region", name="Search results")


def hits(graph: GraphPage) -> Locator:
    return panel(graph).get_by_role("listbox", name="Commits found").get_by_role("option")


def current(graph: GraphPage) -> Locator:
    return graph.grid.locator("[data-current]")


def told(graph: GraphPage, text: str | re.Pattern[str]) -> None:
    expect(graph.page.get_by_role("status").filter(has_text=text).first).to_be_attached()


def search(graph: GraphPage, text: str) -> None:
    graph.grid.focus()
    graph.page.keyboard.press("/")
    graph.page.keyboard.type(text)
    graph.page.keyboard.press("Enter")


def test_hits_are_listed_marked_and_walked(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    search(graph, "prune trees")
    expect(hits(graph)).to_have_count(8)
    expect(hits(graph).first.locator("mark")).to_have_text(["Prune", "trees"])
    told(graph, "8 commits found, 1 of 8")
    expect(current(graph)).to_contain_text("Prune the apple trees")
    expect(graph.grid).to_be_focused()
    first = current(graph).get_attribute("aria-rowindex")
    keyboard.press("n")
    told(graph, "8 commits found, 2 of 8")
    expect(current(graph)).not_to_have_attribute("aria-rowindex", first or "")
    expect(current(graph)).to_be_in_viewport(ratio=1)
    expect(hits(graph).nth(1)).to_have_attribute("aria-selected", "true")
    keyboard.press("N")
    keyboard.press("N")
    told(graph, "8 commits found, 8 of 8")
    expect(graph.grid.locator("[data-hit]:not([hidden])").first).to_contain_text("Prune")
    expect(graph.grid.locator("[data-hit]:not([hidden])").filter(has_text="Note")).to_have_count(0)


def test_the_search_is_left_and_the_graph_stays_where_it_is(graph: GraphPage) -> None:
    search(graph, "Note 20")
    expect(current(graph)).to_contain_text("Note 20")
    before = graph.place("Note 20")
    graph.page.keyboard.press("Escape")
    expect(panel(graph)).to_be_hidden()
    expect(graph.grid.locator("[data-hit]:not([hidden])")).to_have_count(0)
    expect(box(graph)).to_have_value("")
    assert graph.place("Note 20") == pytest.approx(before, abs=1)
    expect(graph.page).not_to_have_url(re.compile("q="))


def test_a_hit_is_chosen_from_the_list_by_pointer_and_by_arrows(graph: GraphPage) -> None:
    search(graph, "author:grace")
    expect(hits(graph)).to_have_count(3)
    hits(graph).nth(2).click()
    expect(current(graph)).to_contain_text("Compute the harvest 0")
    expect(graph.details.get_by_role("heading", name="Compute the harvest 0")).to_be_visible()
    expect(hits(graph).first).to_be_in_viewport()
    graph.details.get_by_role("button", name="Show the details below the rows").click()
    expect(hits(graph).first).to_be_in_viewport()
    found = panel(graph).get_by_role("listbox")
    found.focus()
    graph.page.keyboard.press("ArrowUp")
    expect(hits(graph).nth(1)).to_have_attribute("aria-selected", "true")
    expect(current(graph)).to_contain_text("Compute the harvest 1")
    expect(found).to_be_focused()


def test_the_box_offers_refs_first_and_takes_what_is_likely(graph: GraphPage) -> None:
    graph.page.keyboard.press("/")
    graph.page.keyboard.type("apple")
    options = graph.page.get_by_role("option")
    expect(options.first).to_contain_text("apple-harvest")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(options.last).to_contain_text("Search commits for apple")
    graph.page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    expect(box(graph)).to_have_attribute("aria-activedescendant", re.compile("find-"))
    graph.page.keyboard.press("Enter")
    expect(hits(graph)).to_have_count(8)


def test_keys_and_values_are_completed(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("/")
    keyboard.type("harvest au")
    expect(graph.page.get_by_role("group", name="Narrow a search").get_by_role("option")).to_have_count(1)
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(box(graph)).to_have_value("harvest author:")
    expect(graph.page.get_by_role("option").filter(has_text="Grace Hopper")).to_be_visible()
    graph.page.get_by_role("option").filter(has_text="Grace Hopper").click()
    expect(box(graph)).to_have_value('harvest author:"Grace Hopper" ')
    keyboard.press("Enter")
    expect(hits(graph)).to_have_count(3)


def test_the_server_says_what_it_makes_of_a_search_while_it_is_typed(graph: GraphPage) -> None:
    graph.page.keyboard.press("/")
    graph.page.keyboard.type("apple merge:sometimes")
    hint = graph.page.locator("#find-hints")
    expect(hint).to_contain_text("merge")
    expect(box(graph)).to_have_attribute("aria-describedby", "find-hints")


def test_the_last_five_searches_are_offered_again(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    for word in ("one", "two", "three", "four", "five", "six", "two"):
        search(graph, f"{word} more")
        expect(box(graph)).to_have_value(f"{word} more")
        expect(panel(graph)).to_contain_text("No commit found")
    keyboard.press("Escape")
    keyboard.press("/")
    offered = graph.page.get_by_role("group", name="Recent searches").get_by_role("option")
    expect(offered).to_have_text(["two more", "six more", "five more", "four more", "three more"])


def test_nothing_found_is_said_and_leads_nowhere(graph: GraphPage) -> None:
    search(graph, "message:watermelon")
    expect(panel(graph)).to_contain_text("No commit found")
    expect(hits(graph)).to_have_count(0)
    graph.page.keyboard.press("n")
    told(graph, "No commit found")


def test_enter_waits_for_no_names(graph: GraphPage) -> None:
    graph.page.route("**/graph/names?*", lambda route: None)
    search(graph, "apple")
    expect(hits(graph)).to_have_count(8)
    expect(box(graph)).to_have_value("apple")


def test_a_search_is_cancelled_and_a_lost_one_is_said(graph: GraphPage, complaints: object) -> None:
    graph.page.route("**/graph/search?q=endless*", lambda route: None)
    search(graph, "endless words")
    expect(panel(graph)).to_contain_text("Searching")
    panel(graph).get_by_role("button", name="Cancel").click()
    expect(panel(graph)).to_contain_text("Cancelled")
    complaints.expect("ERR_FAILED")  # type: ignore[attr-defined]
    graph.page.route("**/graph/search?q=lost*", lambda route: route.abort())
    search(graph, "lost words")
    expect(panel(graph)).to_contain_text("The server does not answer")


def test_a_link_holds_the_search_and_back_takes_it_back(
    graph: GraphPage, open_page: Callable[..., Page], server: Server
) -> None:
    search(graph, "author:grace")
    expect(hits(graph)).to_have_count(3)
    search(graph, "prune trees")
    expect(hits(graph)).to_have_count(8)
    other = GraphPage(open_page(), server, f"{server.admin}/orchard")
    other.page.goto(graph.page.url)
    expect(hits(other)).to_have_count(8)
    expect(box(other)).to_have_value("prune trees")
    graph.page.go_back()
    expect(hits(graph)).to_have_count(3)
    expect(box(graph)).to_have_value("author:grace")
    graph.page.go_back()
    expect(panel(graph)).to_be_hidden()


def test_a_push_is_searched_too_and_shifts_no_hit(signed_in: Page, server: Server, tmp_path: Path) -> None:
    work, name = tmp_path / "work", f"{server.admin}/pushed"
    about = ["Weed" if number % 20 == 7 else f"Note {number}" for number in range(60)]
    commits(work, (({"a": f"{number}\n"}, text) for number, text in enumerate(about)))
    git("remote", "add", "origin", server.remote(name), cwd=work)
    server.git("push", "--quiet", "origin", "main", cwd=work)
    graph = GraphPage(signed_in, server, name).open()
    search(graph, "message:weed")
    expect(hits(graph)).to_have_count(3)
    signed_in.keyboard.press("n")
    told(graph, "2 of 3")
    expect(graph.row(33)).to_have_attribute("data-current", "")
    before = current(graph).bounding_box()
    commit(work, {"b": "1\n"}, "Weed again")
    commit(work, {"b": "2\n"}, "Rest")
    server.git("push", "--quiet", "origin", "main", cwd=work)
    expect(hits(graph)).to_have_count(4)
    expect(panel(graph)).to_contain_text("3 of 4")
    expect(current(graph)).to_contain_text("Weed")
    expect(graph.row(35)).to_have_attribute("data-current", "")
    assert current(graph).bounding_box() == before
    expect(graph.grid.locator("[data-hit]:not([hidden])").filter(has_text="Note")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_telephone_the_hits_lie_below_the_rows(
    open_page: Callable[..., Page], server: Server, work: Path, scheme: str
) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True)
    graph = GraphPage(page, server, f"{server.admin}/orchard").open()
    box(graph).tap()
    page.keyboard.type("prune trees")
    page.get_by_role("option").filter(has_text="Search commits").tap()
    expect(hits(graph)).to_have_count(8)
    rows, found = graph.grid.bounding_box(), panel(graph).bounding_box()
    assert rows
    assert found
    assert rows["height"] > 250
    assert found["y"] >= rows["y"] + rows["height"] - 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in panel(graph).get_by_role("button").all():
        if button.is_visible():
            size = button.bounding_box()
            assert size
            assert min(size["width"], size["height"]) >= 44


def test_the_box_has_room_at_every_width(open_page: Callable[..., Page], server: Server, work: Path) -> None:
    page = open_page(viewport={"width": 1440, "height": 800}, has_touch=True)
    graph = GraphPage(page, server, f"{server.admin}/orchard").open()
    for width, height in ((1440, 800), (1000, 800), (844, 390), (768, 1024), (640, 800), (390, 844), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        field = box(graph).bounding_box()
        assert field
        assert field["width"] >= 120, width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        box(graph).click()
        expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
        offered = page.locator(".find-popup").bounding_box()
        assert offered
        assert offered["x"] >= 0
        assert offered["x"] + offered["width"] <= width
        graph.grid.focus()
