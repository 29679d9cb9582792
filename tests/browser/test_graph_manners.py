"""The focus of the graph page is never lost, nothing moves out of sight, and fingers are met where they come down."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import CDPSession, Locator, Page

    from support.server import Server

TELEPHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `manners` was imported from: sixty commits and a branch."""
    folder = tmp_path_factory.mktemp("manners")
    for number in range(60):
        commit(folder, {"notes.txt": f"{number}\n"}, f"Note {number}")
    git("switch", "--quiet", "--create", "pond", cwd=folder)
    commit(folder, {"pond.txt": "deep\n"}, "Dig")
    git("switch", "--quiet", "main", cwd=folder)
    server.cli("repo", "add", f"{server.admin}/manners", "--public", "--from", str(folder))
    return folder


@pytest.fixture
def graph(page: Page, server: Server, work: Path) -> GraphPage:
    return GraphPage(page, server, f"{server.admin}/manners").open()


def current(graph: GraphPage) -> Locator:
    """The row where the keyboard is."""
    return graph.grid.locator("[data-current]")


def tap(touch: CDPSession, x: float, y: float) -> None:
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def rain(work: Path, count: int) -> None:
    """So many commits on top of main, at once."""
    head = git("rev-parse", "main", cwd=work).stdout.strip()
    lines = []
    for number in range(count):
        text = f"Rain {number}"
        who = f"A <a@example.com> {1_900_000_000 + number} +0000"
        lines.append(f"commit refs/heads/main\ncommitter {who}\ndata {len(text)}\n{text}\n")
        if not number:
            lines.append(f"from {head}\n")
    stream = "".join(lines).encode()
    subprocess.run(["git", "-C", str(work), "fast-import", "--quiet"], input=stream, check=True, timeout=60)


def test_the_first_key_shows_where_the_keyboard_is(graph: GraphPage) -> None:
    graph.page.keyboard.press("j")
    expect(graph.grid).to_be_focused()
    expect(current(graph)).to_have_attribute("aria-rowindex", "1")
    expect(current(graph)).to_have_css("outline-style", "solid")


def test_the_tab_key_stops_nowhere_twice_and_never_at_nothing(graph: GraphPage) -> None:
    page = graph.page
    page.get_by_role("combobox").focus()
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    for label in ("Filter", "Smaller rows", "Larger rows", "View", "Keyboard", "Share"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_attribute("aria-label", label)
    page.keyboard.press("Tab")
    expect(graph.grid).to_be_focused()


def test_menus_that_a_key_opened_give_the_focus_back_to_the_rows(graph: GraphPage) -> None:
    page = graph.page
    page.keyboard.press("j")
    for key in ("F", ","):
        page.keyboard.press(key)
        expect(graph.grid).not_to_be_focused()
        page.keyboard.press("Escape")
        expect(graph.grid).to_be_focused()
    page.keyboard.press("Enter")
    expect(graph.details.get_by_role("heading", name="Dig")).to_be_visible()


def test_who_takes_a_filter_away_by_keys_goes_on_with_the_next_and_then_with_the_rows(graph: GraphPage) -> None:
    graph.open("?first_parent=1&merges=0")
    page = graph.page
    crosses = page.get_by_role("button", name=re.compile("Remove the filter"))
    expect(crosses).to_have_count(2)
    crosses.first.focus()
    page.keyboard.press("Enter")
    expect(crosses).to_have_count(1)
    expect(crosses).to_be_focused()
    page.keyboard.press("Enter")
    expect(crosses).to_have_count(0)
    expect(graph.grid).to_be_focused()


def test_the_chosen_row_stays_in_sight_when_hits_and_details_take_its_room(graph: GraphPage) -> None:
    page = graph.page
    page.set_viewport_size({"width": 1100, "height": 700})
    graph.open("?q=Note")
    expect(page.get_by_role("region", name="Search results")).to_contain_text("60 commits found")
    graph.grid.focus()
    page.keyboard.press("G")
    expect(current(graph)).to_contain_text("Note 0")
    page.keyboard.press("Enter")
    expect(graph.details.get_by_role("heading", name="Note 0")).to_be_visible()
    expect(current(graph)).to_contain_text("Note 0")
    expect(current(graph)).to_be_in_viewport(ratio=0.9)


def test_who_is_far_away_is_told_how_much_is_new_after_a_great_push_and_less_after_it_was_taken_back(
    signed_in: Page, server: Server, work: Path, tmp_path: Path
) -> None:
    name = f"{server.admin}/great-push"
    git("clone", "--quiet", str(work), str(tmp_path / "clone"), cwd=tmp_path)
    clone = tmp_path / "clone"
    server.git("remote", "set-url", "origin", server.remote(name), cwd=clone)
    server.git("push", "--quiet", "origin", "main", cwd=clone)
    graph = GraphPage(signed_in, server, name).open()
    graph.scroll_to(1)
    expect(graph.commit("Note 0")).to_be_visible()
    before = graph.place("Note 3")
    rain(clone, 1500)
    server.git("push", "--quiet", "origin", "main", cwd=clone)
    expect(signed_in.get_by_role("button", name="1,500 new commits")).to_be_visible()
    assert graph.place("Note 3") == pytest.approx(before, abs=1)
    server.git("push", "--quiet", "--force", "origin", "main~1300:main", cwd=clone)
    news = signed_in.get_by_role("button", name="200 new commits")
    expect(news).to_be_visible()
    news.focus()
    signed_in.keyboard.press("Enter")
    expect(graph.commit("Rain 199")).to_be_visible()
    expect(graph.grid).to_be_focused()


def test_a_finger_beside_a_card_takes_it_away_and_picks_nothing(
    open_page: Callable[..., Page], server: Server, work: Path
) -> None:
    page = open_page(**TELEPHONE)
    graph = GraphPage(page, server, f"{server.admin}/manners").open()
    touch = page.context.new_cdp_session(page)
    box = graph.commit("Note 55").bounding_box()
    assert box
    point = {"x": box["x"] + 150, "y": box["y"] + 12}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    card = page.get_by_role("dialog", name=re.compile("Commit"))
    expect(card).to_be_visible()
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    tap(touch, 200, 820)
    expect(card).to_be_hidden()
    expect(graph.details).to_be_hidden()
    tap(touch, 200, 820)
    expect(graph.details).to_be_visible()


def test_a_finger_need_not_hit_a_label_precisely(open_page: Callable[..., Page], server: Server, work: Path) -> None:
    page = open_page(**TELEPHONE)
    graph = GraphPage(page, server, f"{server.admin}/manners").open()
    box = graph.chip("main").bounding_box()
    assert box
    tap(page.context.new_cdp_session(page), box["x"] + box["width"] / 2, box["y"] + box["height"] + 10)
    expect(page.get_by_text("Looking at main")).to_be_visible()
    expect(graph.details).to_be_hidden()


def test_labels_keep_their_shapes_where_the_system_has_the_colours(
    open_page: Callable[..., Page], server: Server, work: Path
) -> None:
    graph = GraphPage(open_page(forced_colors="active"), server, f"{server.admin}/manners").open()
    expect(graph.chip("pond")).to_have_css("border-style", "solid")
    expect(graph.chip("pond")).to_have_css("border-top-width", "1px")
    expect(graph.chip("main")).to_have_css("border-top-width", "2px")


def test_rows_grow_with_the_letters_that_a_reader_has_chosen(page: Page, server: Server, work: Path) -> None:
    graph = GraphPage(page, server, f"{server.admin}/manners").open()
    usual = graph.row(3).bounding_box()
    session = page.context.new_cdp_session(page)
    session.send("Page.enable")
    session.send("Page.setFontSizes", {"fontSizes": {"standard": 24}})
    graph.open()
    grown = graph.row(3).bounding_box()
    assert usual
    assert grown
    assert grown["height"] == 1.5 * usual["height"]
    line = graph.row(3).locator(".row-subject").bounding_box()
    assert line
    assert line["y"] >= grown["y"]
    assert line["y"] + line["height"] <= grown["y"] + grown["height"]


def test_details_that_a_lost_server_kept_back_come_when_it_is_there_again(
    page: Page, own_server: Server, work: Path, complaints: Any
) -> None:
    name = f"{own_server.admin}/manners"
    own_server.cli("repo", "add", name, "--public", "--from", str(work))
    graph = GraphPage(page, own_server, name).open()
    complaints.expect("WebSocket", "net::ERR_")
    own_server.kill()
    expect(graph.live).to_contain_text("Connection lost")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(graph.details).to_contain_text("The server does not answer.")
    own_server.start()
    expect(graph.details.get_by_role("heading", name="Dig")).to_be_visible()
    expect(graph.live).to_have_text("Live")


def test_branches_are_chosen_one_after_the_other_by_keys(graph: GraphPage) -> None:
    page = graph.page
    page.keyboard.press("F")
    box = page.locator(".graph-filters").get_by_role("checkbox", name="branch pond")
    box.focus()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("ref=refs%2Fheads%2Fpond"))
    expect(graph.grid).to_have_attribute("aria-rowcount", "61")
    expect(box).to_be_checked()
    expect(box).to_be_focused()
    page.keyboard.press("Space")
    expect(page).not_to_have_url(re.compile("ref="))
    expect(box).not_to_be_checked()
    expect(box).to_be_focused()
