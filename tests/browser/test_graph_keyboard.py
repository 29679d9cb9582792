"""The graph by keyboard alone, and what it tells those who do not see it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commits, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from support.server import Server


@pytest.fixture(scope="module")
def garden(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A public repository with sixty commits, a branch, a merge and a tag."""
    work = tmp_path_factory.mktemp("garden")
    commits(work, (({"notes.txt": f"{number}\n"}, f"Note {number}") for number in range(50)))
    git("switch", "--quiet", "--create", "hedge", "main~20", cwd=work)
    commits(work, (({"hedge.txt": f"{number}\n"}, f"Hedge {number}") for number in range(9)))
    git("tag", "planted", cwd=work)
    git("switch", "--quiet", "main", cwd=work)
    git("merge", "--quiet", "--no-ff", "--message", "Merge the hedge", "hedge", cwd=work)
    server.cli("repo", "add", f"{server.admin}/garden", "--public", "--from", str(work))
    return f"{server.admin}/garden"


@pytest.fixture
def graph(page: Page, server: Server, garden: str) -> GraphPage:
    return GraphPage(page, server, garden).open()


def current(graph: GraphPage) -> Locator:
    """The row where the keyboard is."""
    return graph.grid.locator("[data-current]")


def test_rows_are_walked_by_keys(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    graph.grid.focus()
    keyboard.press("Home")
    expect(current(graph)).to_have_attribute("aria-rowindex", "1")
    for key, row in (("j", "2"), ("ArrowDown", "3"), ("k", "2"), ("ArrowUp", "1"), ("ArrowUp", "1")):
        keyboard.press(key)
        expect(current(graph)).to_have_attribute("aria-rowindex", row)
    told = graph.grid.get_attribute("aria-activedescendant") or ""
    expect(current(graph)).to_have_id(told)
    keyboard.press("PageDown")
    expect(current(graph)).to_have_attribute("aria-rowindex", re.compile(r"^[12]\d$"))
    expect(current(graph)).to_be_in_viewport()
    keyboard.press("G")
    expect(current(graph)).to_contain_text("Note 0")
    keyboard.press("g")
    keyboard.press("g")
    expect(current(graph)).to_have_attribute("aria-rowindex", "1")


def test_details_open_follow_and_close_by_keys(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("j")
    keyboard.press("Enter")
    expect(graph.details.get_by_role("heading", name="Merge the hedge")).to_be_visible()
    keyboard.press("j")
    second = graph.subjects()[1]
    expect(graph.details.get_by_role("heading", name=second)).to_be_visible()
    keyboard.press("Escape")
    expect(graph.details).to_be_hidden()
    expect(graph.grid).to_be_focused()


def test_the_box_jumps_to_a_branch_or_tag(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("/")
    box = graph.page.get_by_role("combobox", name="Find branches, tags and commits")
    expect(box).to_be_focused()
    expect(graph.page.get_by_role("group", name="Branches and tags").get_by_role("option")).to_have_count(3)
    keyboard.type("plan")
    expect(graph.page.get_by_role("group", name="Branches and tags").get_by_role("option")).to_have_count(1)
    keyboard.press("Enter")
    expect(current(graph)).to_contain_text("Hedge 8")
    expect(current(graph)).to_be_in_viewport()
    keyboard.press("g")
    keyboard.press("h")
    expect(current(graph)).to_contain_text("Merge the hedge")


def test_the_keys_are_listed(graph: GraphPage) -> None:
    graph.page.keyboard.press("?")
    dialog = graph.page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    for group in ("Move", "Find", "Commit", "View"):
        expect(dialog.get_by_role("heading", name=group)).to_be_visible()
    for line in dialog.locator("dl > div").all():
        expect(line.locator("kbd").first).not_to_be_empty()
        expect(line.locator("dd")).not_to_be_empty()
    graph.page.keyboard.press("j")
    expect(current(graph)).to_have_count(0)
    graph.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_every_key_in_the_list_does_something(graph: GraphPage) -> None:
    """What the list says is what the keyboard obeys: each of its keys is taken, in a page where something is chosen."""
    graph.page.keyboard.press("?")
    lines = graph.page.get_by_role("dialog", name="Keyboard").locator("dt")
    pressed = [[key.inner_text() for key in line.locator("kbd").all()] for line in lines.all()]
    told = {key for keys in pressed for key in keys}
    assert {
        "j",
        "k",
        "g",
        "G",
        "h",
        "/",
        "n",
        "N",
        "[",
        "]",
        "c",
        "y",
        "o",
        "m",
        "d",
        "f",
        "?",
        "Esc",
        ",",
        "+",
        "-",
    } <= told
    names = {"↓": "ArrowDown", "↑": "ArrowUp", "Page Down": "PageDown", "Page Up": "PageUp", "Esc": "Escape"}
    taken = graph.page.evaluate(
        """(keys) => {
             document.querySelector("dialog[open]").close();
             document.querySelector('[role="grid"]').focus();
             const grid = document.querySelector('[role="grid"]');
             return keys.filter((key) => grid.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })));
           }""",
        [names.get(key, key) for key in sorted(told - {"g", "h"})],
    )
    assert taken == [], "keys that nobody took"


def test_edges_are_walked_to_parents_and_children(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("g")
    keyboard.press("h")
    expect(current(graph)).to_contain_text("Merge the hedge")
    keyboard.press("[")
    menu = graph.page.get_by_role("menu", name="Parents")
    expect(menu.get_by_role("menuitem")).to_have_text([re.compile("Note 49"), re.compile("Hedge 8")])
    expect(menu.get_by_role("menuitem").first).to_be_focused()
    keyboard.press("ArrowDown")
    keyboard.press("Enter")
    expect(current(graph)).to_contain_text("Hedge 8")
    expect(graph.grid).to_be_focused()
    for number in range(7, -1, -1):
        keyboard.press("[")
        expect(current(graph)).to_contain_text(f"Hedge {number}")
    keyboard.press("[")
    expect(current(graph)).to_contain_text("Note 29")
    expect(current(graph)).to_be_in_viewport(ratio=1)
    keyboard.press("]")
    children = graph.page.get_by_role("menu", name="Children")
    expect(children.get_by_role("menuitem")).to_have_count(2)
    keyboard.press("Escape")
    expect(children).to_be_hidden()
    expect(current(graph)).to_contain_text("Note 29")
    keyboard.press("]")
    expect(children).to_be_visible()
    keyboard.press("1")
    expect(current(graph)).to_contain_text(re.compile("Note 30|Hedge 0"))


def test_two_commits_are_compared(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("d")
    expect(graph.page.get_by_role("status").filter(has_text="Mark a commit first")).to_be_visible()
    keyboard.press("j")
    keyboard.press("m")
    marked = graph.page.get_by_role("group", name="Marked to compare")
    expect(marked).to_be_visible()
    keyboard.press("j")
    graph.page.route("**/compare/**", lambda route: route.fulfill(body="compared", content_type="text/html"))
    keyboard.press("d")
    graph.page.wait_for_url(re.compile(r"/compare/[0-9a-f]{40}\.\.\.[0-9a-f]{40}$"))


def test_escape_steps_out_one_thing_at_a_time(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("j")
    keyboard.press("m")
    keyboard.press("/")
    keyboard.type("author:ada note")
    keyboard.press("Enter")
    found = graph.page.get_by_role("region", name="Search results")
    expect(found).to_contain_text("commits found")
    expect(graph.grid).to_be_focused()
    keyboard.press("o")
    expect(graph.details).to_be_visible()
    keyboard.press("i")
    card = graph.page.get_by_role("dialog", name=re.compile("Commit"))
    expect(card).to_be_visible()
    marked = graph.page.get_by_role("group", name="Marked to compare")
    for gone, left in ((card, graph.details), (graph.details, found), (found, marked)):
        keyboard.press("Escape")
        expect(gone).to_be_hidden()
        expect(left).to_be_visible()
    keyboard.press("Escape")
    expect(marked).to_be_hidden()


def test_letters_are_left_alone_while_somebody_types_or_holds_a_modifier(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    for held in ("Control", "Alt", "Meta"):
        keyboard.press(f"{held}+j")
    expect(current(graph)).to_have_count(0)
    keyboard.press("/")
    keyboard.type("jkgG?fm")
    box = graph.page.get_by_role("combobox", name="Find branches, tags and commits")
    expect(box).to_have_value("jkgG?fm")
    expect(current(graph)).to_have_count(0)
    expect(graph.page.get_by_role("dialog")).to_have_count(0)


def test_letters_can_be_kept_to_the_rows(graph: GraphPage) -> None:
    keyboard = graph.page.keyboard
    keyboard.press("?")
    graph.page.get_by_role("checkbox", name="Letters only while the rows have the focus").check()
    keyboard.press("Escape")
    graph.page.get_by_role("link", name="Graph", exact=True).focus()
    keyboard.press("j")
    expect(current(graph)).to_have_count(0)
    graph.grid.focus()
    keyboard.press("j")
    expect(current(graph)).to_have_count(1)
    graph.open()
    keyboard.press("?")
    expect(graph.page.get_by_role("checkbox", name="Letters only while the rows have the focus")).to_be_checked()


def test_the_grid_says_how_much_there_is_and_what_each_label_is(graph: GraphPage) -> None:
    expect(graph.grid).to_have_attribute("aria-rowcount", "60")
    expect(graph.commit("Merge the hedge").locator(".chip")).to_have_text("branch main")
    graph.page.keyboard.press("/")
    graph.page.keyboard.type("planted")
    graph.page.keyboard.press("Enter")
    expect(graph.commit("Hedge 8").locator(".chip").last).to_have_text("tag planted")


def test_a_link_to_a_commit_far_below_shows_it(
    open_page: Callable[..., Page], graph: GraphPage, server: Server, garden: str
) -> None:
    graph.page.keyboard.press("G")
    graph.page.keyboard.press("Enter")
    expect(graph.details.get_by_role("heading", name="Note 0")).to_be_visible()
    query = graph.page.evaluate("location.search")
    other = GraphPage(open_page(), server, garden).open(query)
    expect(other.details.get_by_role("heading", name="Note 0")).to_be_visible()
    expect(other.commit("Note 0")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_at_360_pixels_everything_has_its_place(
    open_page: Callable[..., Page], server: Server, garden: str, scheme: str
) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True, is_mobile=True)
    graph = GraphPage(page, server, garden).open()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row = graph.row(2)
    box = row.bounding_box()
    assert box
    assert box["height"] >= 44
    expect(row.locator("time")).to_be_visible()
    row.tap()
    expect(graph.details).to_be_visible()
    expect(graph.details).to_be_focused()
    panel = graph.details.bounding_box()
    assert panel
    assert panel["width"] == pytest.approx(360, abs=1)
    graph.details.get_by_role("button", name="Close the details").tap()
    expect(graph.details).to_be_hidden()


def test_widths_are_changed_by_keys_and_remembered(graph: GraphPage, server: Server, garden: str) -> None:
    border = graph.page.get_by_role("separator", name="Width of the lanes")
    before = int(border.get_attribute("aria-valuenow") or 0)
    border.focus()
    for _ in range(3):
        graph.page.keyboard.press("ArrowRight")
    expect(border).to_have_attribute("aria-valuenow", str(before + 48))
    graph.open()
    expect(border).to_have_attribute("aria-valuenow", str(before + 48))
