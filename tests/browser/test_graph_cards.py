"""Cards about what is pointed at: by a rest of the pointer, a long press, or a key."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

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
    """What `alice/cards` was imported from: sixty commits, a branch, an annotated tag."""
    folder = tmp_path_factory.mktemp("cards")
    notes = (({"a": f"{number}\n"}, f"Note {number}\n\nThe long story of {number}.") for number in range(60))
    commits(folder, notes)
    git("tag", "-a", "v1", "-m", "The first harvest", "main~2", cwd=folder)
    git("switch", "-q", "-c", "pond", "main~1", cwd=folder)
    commit(folder, {"pond": "deep\n"}, "Dig")
    git("switch", "-q", "main", cwd=folder)
    server.cli("repo", "add", f"{server.admin}/cards", "--public", "--from", str(folder))
    return folder


@pytest.fixture
def graph(page: Page, server: Server, work: Path) -> GraphPage:
    return GraphPage(page, server, f"{server.admin}/cards").open()


def card(graph: GraphPage, name: str | re.Pattern[str]) -> Locator:
    return graph.page.get_by_role("dialog", name=name)


def point_at_node(graph: GraphPage, subject: str) -> dict[str, float]:
    """Rest the pointer on the node of the row with this subject; where that is."""
    box = graph.commit(subject).bounding_box()
    assert box
    x, y = box["x"] + 24, box["y"] + box["height"] / 2
    graph.page.mouse.move(x, y - 1)
    graph.page.mouse.move(x, y)
    return {"x": x, "y": y}


def holds(box: Any, point: dict[str, float]) -> bool:
    return bool(
        box["x"] <= point["x"] <= box["x"] + box["width"] and box["y"] <= point["y"] <= box["y"] + box["height"]
    )


def test_a_commit_tells_its_whole_message_where_its_node_is_pointed_at(graph: GraphPage, work: Path) -> None:
    node = point_at_node(graph, "Note 50")
    shown = card(graph, re.compile("Commit"))
    expect(shown).to_contain_text("The long story of 50.")
    expect(shown).to_contain_text(git("rev-parse", "main~9", cwd=work).stdout[:12])
    box = shown.bounding_box()
    assert box
    assert not holds(box, node), "what is pointed at is never covered"
    shown.hover()
    shown.get_by_role("link", name=git("rev-parse", "main~10", cwd=work).stdout[:8]).click()
    expect(graph.grid.locator("[data-current]")).to_contain_text("Note 49")
    expect(shown).to_be_hidden()


def test_a_card_goes_with_escape_with_scrolling_and_with_the_pointer(graph: GraphPage) -> None:
    shown = card(graph, re.compile("Commit"))
    point_at_node(graph, "Note 50")
    expect(shown).to_be_visible()
    graph.page.keyboard.press("Escape")
    expect(shown).to_be_hidden()
    point_at_node(graph, "Note 48")
    expect(shown).to_be_visible()
    graph.page.mouse.wheel(0, 60)
    expect(shown).to_be_hidden()
    point_at_node(graph, "Note 44")
    expect(shown).to_be_visible()
    graph.page.mouse.move(700, 20)
    expect(shown).to_be_hidden()


def test_labels_tell_of_branches_and_tags(graph: GraphPage) -> None:
    graph.chip("pond").hover()
    expect(card(graph, "branch pond")).to_contain_text("1 ahead of, 1 behind main")
    graph.chip("v1").hover()
    expect(card(graph, "tag v1")).to_contain_text("The first harvest")
    expect(card(graph, "branch pond")).to_be_hidden()


def test_an_author_leads_to_their_commits(graph: GraphPage) -> None:
    graph.commit("Note 50").locator(".avatar").hover()
    shown = card(graph, re.compile("Author"))
    shown.get_by_role("button", name="Search their commits").click()
    found = graph.page.get_by_role("region", name="Search results")
    expect(found).to_contain_text("61 commits found")


def test_cards_are_opened_and_left_by_keys(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    for _ in range(3):
        keyboard.press("j")
    subject = graph.subjects()[2]
    keyboard.press("i")
    shown = card(graph, re.compile("Commit"))
    expect(shown).to_contain_text(subject)
    expect(shown).to_be_focused()
    keyboard.press("i")
    expect(card(graph, re.compile("Author|branch|tag"))).to_be_focused()
    keyboard.press("Escape")
    expect(graph.page.get_by_role("dialog")).to_have_count(0)
    expect(graph.grid).to_be_focused()


@pytest.mark.parametrize("width", [390, 1440])
def test_a_card_stays_within_the_window(open_page: Callable[..., Page], server: Server, work: Path, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 500})
    graph = GraphPage(page, server, f"{server.admin}/cards").open()
    for row in (2, 5, 7):
        avatar = graph.row(row).locator(".avatar")
        avatar.hover()
        shown = card(graph, re.compile("Author"))
        expect(shown).to_be_visible()
        box = shown.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 500
        page.keyboard.press("Escape")


def test_a_long_press_opens_a_card_and_picks_nothing(
    open_page: Callable[..., Page], server: Server, work: Path
) -> None:
    page = open_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    graph = GraphPage(page, server, f"{server.admin}/cards").open()
    box = graph.commit("Note 55").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    point = {"x": box["x"] + 150, "y": box["y"] + 12}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(card(graph, re.compile("Commit"))).to_contain_text("The long story of 55.")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(card(graph, re.compile("Commit"))).to_be_visible()
    expect(graph.details).to_be_hidden()


def test_a_commit_beyond_the_lanes_is_pointed_at_by_its_sign(
    open_page: Callable[..., Page], server: Server, tmp_path: Path
) -> None:
    work = tmp_path / "wide"
    commit(work, {"a": "0"}, "Root")
    for number in range(14):
        git("switch", "-q", "-c", f"lane-{number}", "main", cwd=work)
        commit(work, {f"f{number}": "1"}, f"Side {number}")
    for number in range(14):
        git("switch", "-q", f"lane-{number}", cwd=work)
        commit(work, {f"f{number}": "2"}, f"Tip {number}")
    server.cli("repo", "add", f"{server.admin}/wide", "--public", "--from", str(work))
    page = open_page()
    page.add_init_script("localStorage.setItem('gitperch.lanes', '60')")
    graph = GraphPage(page, server, f"{server.admin}/wide").open()
    for row in range(1, 15):
        page.keyboard.press("j")
        expect(graph.grid.locator("[data-current]")).to_have_attribute("aria-rowindex", str(row))
        page.keyboard.press("i")
        shown = card(graph, re.compile("Commit"))
        expect(shown).to_be_visible()
        box = shown.bounding_box()
        assert box
        assert box["x"] < 60, "the card stands by the sign at the column's edge"
        page.keyboard.press("Escape")
