"""A part of the graph, or another look at it: filters, one branch by itself, zoom, settings. The address or the browser keeps them."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page

    from support.server import Server

TRUNK = 240
SIDE = 12
DAY = 86_400
BEGIN = int(datetime(2021, 3, 1, 12, tzinfo=UTC).timestamp())


def history() -> str:
    """A trunk over three years by two people, a branch that is merged, one that is not, and a tag."""
    lines: list[str] = []

    def commit(mark: int, ref: str, day: float, subject: str, *edges: str, path: str = "src/main.py") -> None:
        who = "Ada Lovelace <ada@example.com>" if mark % 2 else "Grace Hopper <grace@example.com>"
        at = f"{BEGIN + int(day * DAY)} +0000"
        lines.extend([f"commit {ref}", f"mark :{mark}", f"author {who} {at}", f"committer {who} {at}"])
        lines.extend(
            [f"data {len(subject)}", subject, *edges, f"M 100644 inline {path}", f"data {len(subject)}", subject, ""]
        )

    for number in range(1, TRUNK + 1):
        merge = [f"merge :{1000 + SIDE}"] if number == 200 else []
        commit(number, "refs/heads/main", number * 5, f"Trunk {number}", *merge)
        if number == 150:
            for nth in range(1, SIDE + 1):
                base = ["from :150"] if nth == 1 else []
                commit(1000 + nth, "refs/heads/pond", 750 + nth * 3 + 0.5, f"Pond {nth}", *base, path="docs/pond.md")
        if number == 180:
            for nth in range(1, SIDE + 1):
                base = ["from :180"] if nth == 1 else []
                commit(2000 + nth, "refs/heads/hedge", 900 + nth * 20 + 0.5, f"Hedge {nth}", *base)
    lines += ["reset refs/tags/v1", "from :100", ""]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def orchard(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("orchard") / "orchard.git"
    git("init", "--quiet", "--bare", str(folder))
    subprocess.run(
        ["git", "-C", str(folder), "fast-import", "--quiet"], input=history().encode(), check=True, timeout=60
    )
    name = f"{server.admin}/orchard"
    server.cli("repo", "add", name, "--public", "--from", str(folder))
    return name


@pytest.fixture
def graph(page: Page, server: Server, orchard: str) -> GraphPage:
    return GraphPage(page, server, orchard).open()


def filters(graph: GraphPage) -> Locator:
    """The menu of filters, opened."""
    graph.page.locator("summary").filter(has_text="Filter").click()
    return graph.page.locator(".graph-filters")


def chips(graph: GraphPage) -> Locator:
    return graph.page.get_by_role("list", name="Active filters").get_by_role("listitem")


def rows(graph: GraphPage, count: int) -> None:
    expect(graph.grid).to_have_attribute("aria-rowcount", str(count))


def test_branches_are_chosen_from_a_list_and_the_address_keeps_them(graph: GraphPage) -> None:
    menu = filters(graph)
    menu.get_by_role("searchbox", name="Find a branch or tag to show").fill("hed")
    menu.get_by_role("checkbox", name="branch hedge").check()
    rows(graph, 180 + SIDE)
    expect(graph.row(1)).to_contain_text("Hedge 12")
    expect(graph.page).to_have_url(re.compile(r"\?ref=refs%2Fheads%2Fhedge$"))
    expect(chips(graph)).to_contain_text(["hedge"])
    graph.page.reload()
    rows(graph, 180 + SIDE)
    graph.page.get_by_role("button", name="Remove the filter: hedge").click()
    rows(graph, TRUNK + 2 * SIDE)
    expect(graph.page).not_to_have_url(re.compile("ref="))
    graph.page.go_back()
    rows(graph, 180 + SIDE)


def test_first_parents_merges_paths_authors_and_days_narrow_it_down(graph: GraphPage) -> None:
    menu = filters(graph)
    menu.get_by_role("checkbox", name="Hide merges").check()
    rows(graph, TRUNK + 2 * SIDE - 1)
    menu.get_by_label("Path").fill("docs")
    menu.get_by_label("Path").press("Enter")
    rows(graph, SIDE)
    expect(chips(graph)).to_contain_text(["No merges", "In docs"])
    graph.page.get_by_role("button", name="Show everything").last.click()
    rows(graph, TRUNK + 2 * SIDE)
    menu = filters(graph)
    menu.get_by_role("button", name="Only the default branch").click()
    menu.get_by_role("checkbox", name="First parents only").check()
    rows(graph, TRUNK)
    menu.get_by_label("Author").fill("grace")
    menu.get_by_label("Since").fill("2022-01-01")
    menu.get_by_label("Before").fill("2022-12-31")
    menu.get_by_role("button", name="Done").click()
    expect(chips(graph)).to_contain_text(
        ["main", "First parents only", "By grace", "Since 2022-01-01", "Before 2022-12-31"]
    )
    expect(graph.row(1)).to_contain_text("Grace Hopper")
    rows(graph, 36)  # every second of the trunk
    graph.settle()
    assert all(int(subject.split()[1]) % 2 == 0 for subject in graph.subjects())


def test_nothing_to_see_is_said_with_a_way_out(page: Page, server: Server, orchard: str) -> None:
    graph = GraphPage(page, server, orchard)
    graph.open("?path=cellar")
    expect(page.get_by_text("No commit touches this path")).to_be_visible()
    page.get_by_role("button", name="Show the whole history").click()
    rows(graph, TRUNK + 2 * SIDE)
    expect(page.get_by_text("No commit touches this path")).to_be_hidden()


def test_what_the_server_refuses_is_said_in_its_words(
    page: Page, server: Server, orchard: str, complaints: Any
) -> None:
    complaints.expect("404")
    graph = GraphPage(page, server, orchard)
    graph.open("?ref=refs/heads/gone")
    expect(page.get_by_text("There is no branch or tag 'refs/heads/gone'")).to_be_visible()
    page.get_by_role("button", name="Show the whole history").click()
    rows(graph, TRUNK + 2 * SIDE)


def test_a_branch_is_looked_at_by_itself_by_click_and_by_key(graph: GraphPage) -> None:
    faded = graph.grid.locator('[role="row"]:not([hidden])[data-dim]')
    expect(graph.commit("Trunk 240")).to_be_visible()
    before = graph.place("Hedge 12")
    graph.chip("hedge").click()
    expect(graph.page.get_by_text("Looking at hedge", exact=True)).to_be_visible()
    expect(graph.commit("Trunk 239")).to_have_attribute("data-dim", "")
    expect(graph.commit("Hedge 12")).not_to_have_attribute("data-dim", "")
    assert graph.place("Hedge 12") == pytest.approx(before, abs=1)
    graph.page.keyboard.press("Escape")
    expect(faded).to_have_count(0)
    graph.grid.focus()
    graph.page.keyboard.press("Home")
    graph.page.keyboard.press("b")
    expect(graph.commit("Hedge 12")).to_have_attribute("data-dim", "")
    graph.page.get_by_role("button", name="Only its history").click()
    rows(graph, TRUNK + SIDE)
    expect(faded).to_have_count(0)


def test_a_click_on_a_line_looks_at_its_branch(graph: GraphPage) -> None:
    row = graph.commit("Trunk 239")
    box = row.bounding_box()
    assert box
    # Lane 1 beside the trunk is the hedge's, which lives until the newest commit.
    graph.page.mouse.click(box["x"] + 24 + 14, box["y"] + box["height"] / 2)
    expect(graph.page.get_by_text("Looking at", exact=False).first).to_be_visible()
    expect(row).to_have_attribute("data-dim", "")
    expect(graph.details).to_be_hidden()


def test_rows_are_zoomed_by_key_button_and_wheel(graph: GraphPage, server: Server, orchard: str) -> None:
    def height(expected: int) -> None:
        expect(graph.row(2)).to_have_css("height", f"{expected}px")

    height(28)
    graph.page.keyboard.press("+")
    height(44)
    graph.page.get_by_role("button", name="Smaller rows").click()
    graph.page.get_by_role("button", name="Smaller rows").click()
    height(22)
    expect(graph.page).to_have_url(re.compile("mode=compact"))
    graph.grid.hover()
    graph.page.keyboard.down("Control")
    graph.page.mouse.wheel(0, 120)
    graph.page.keyboard.up("Control")
    height(6)
    expect(graph.row(2).locator(".row-subject")).to_be_hidden()
    expect(graph.chip("main")).to_be_visible()
    expect(graph.page.get_by_role("button", name="Smaller rows")).to_be_disabled()
    # The browser remembers, an address without a word about it included.
    graph.open()
    expect(graph.row(2)).to_have_css("height", "6px")
    graph.page.goto(f"{server.url}/{orchard}?mode=roomy")
    height(44)


def test_columns_times_and_colours_are_chosen_and_remembered(graph: GraphPage) -> None:
    first = graph.row(1)
    expect(first.locator(".row-hash")).to_be_hidden()
    graph.page.keyboard.press(",")
    menu = graph.page.locator(".graph-settings")
    menu.get_by_label("Hash").check()
    menu.get_by_label("Absolute").check(force=True)
    menu.get_by_label("By author").check(force=True)
    menu.get_by_label("Tags").uncheck()
    graph.open()
    expect(first.locator(".row-hash")).to_have_text(re.compile("^[0-9a-f]{8}$"))
    expect(first.locator("time")).to_have_text(re.compile(r"^\d\d \w{3} 2024, \d\d:\d\d$"))
    expect(graph.page).not_to_have_url(re.compile("color="))
    expect(graph.page.locator(".graph-settings").get_by_label("By author")).to_be_checked()


def test_stretches_of_time_have_headings_that_stay_in_sight(graph: GraphPage) -> None:
    heading = graph.page.locator(".graph-heading .row-period")
    newest = datetime.fromtimestamp(BEGIN + TRUNK * 5 * DAY, UTC)
    expect(heading).to_have_text(f"{newest:%B %Y}")
    graph.scroll_to(1)
    expect(heading).to_have_text(re.compile("2021$"))
    graph.scroll_to(0.5)
    graph.settle()
    named = graph.grid.locator('[role="row"][data-period]:not([hidden])')
    assert 3 <= named.count() <= 12


def test_initials_are_those_of_the_first_and_the_last_word(graph: GraphPage) -> None:
    expect(graph.commit("Trunk 239").locator(".avatar")).to_have_text("AL")
    expect(graph.commit("Trunk 238").locator(".avatar")).to_have_text("GH")


@pytest.mark.parametrize("scale", [1, 1.5, 2])
def test_merges_are_rings_and_commits_discs_on_every_screen(
    open_page: Callable[..., Page], server: Server, orchard: str, complaints: Any, scale: float
) -> None:
    complaints.expect("willReadFrequently")  # it is only here that pixels are read
    graph = GraphPage(open_page(device_scale_factor=scale), server, orchard).open("?at=45")
    expect(graph.commit("Trunk 200")).to_be_visible()

    def centre(subject: str) -> int:
        """How much of the lane's colour is in the middle of the commit's node, 0 to 255."""
        found: int = graph.commit(subject).evaluate(
            """(row) => {
                 const canvas = document.querySelector(".graph-stage canvas");
                 const box = canvas.getBoundingClientRect(), at = row.getBoundingClientRect();
                 const ratio = canvas.width / box.width;
                 const y = (at.top + at.height / 2 - box.top) * ratio;
                 return canvas.getContext("2d").getImageData(24 * ratio, Math.floor(y), 1, 1).data[3];
               }"""
        )
        return found

    until = time.monotonic() + 60
    while (drawn := (centre("Trunk 200"), centre("Trunk 201")))[0] >= 60 or drawn[1] != 255:  # lanes come a frame later
        assert time.monotonic() < until, drawn
        graph.page.wait_for_timeout(50)
    ratio = graph.page.evaluate(
        "(canvas => canvas.width / canvas.getBoundingClientRect().width)(document.querySelector('.graph-stage canvas'))"
    )
    assert ratio == pytest.approx(scale, rel=0.001)


def test_who_hears_the_page_is_told_where_it_is_and_what_it_looks_like(graph: GraphPage) -> None:
    place = graph.page.get_by_role("scrollbar", name="Place in the history")
    expect(place).to_have_attribute("aria-valuetext", re.compile(rf"^\d+ June 2024, row 1 of {TRUNK + 2 * SIDE}$"))
    expect(graph.page.locator("#graph-described")).to_have_text(
        re.compile(rf"^Commits 1 to \d+ of {TRUNK + 2 * SIDE}, from \d+ June 2024 back to .*, in \d lanes, ")
    )


def test_two_fingers_zoom(open_page: Callable[..., Page], server: Server, orchard: str) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    graph = GraphPage(page, server, orchard).open()
    expect(graph.row(2)).to_have_css("height", "52px")
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *apart: int) -> None:
        points = [{"x": 150, "y": 450 + sign * gap, "id": n} for gap in apart for n, sign in enumerate((-1, 1))]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 120)
    for gap in (100, 70, 40, 14):
        fingers("touchMove", gap)
    fingers("touchEnd")
    expect(graph.row(2)).to_have_css("height", "6px")
    expect(page).to_have_url(re.compile("mode=overview"))


def test_a_press_on_the_words_of_a_filter_chooses_it(graph: GraphPage) -> None:
    # The press moves the focus to what is around the menu; when that closed it, Chromium ended the page.
    graph.page.locator(".graph-filters > summary").click()
    graph.page.get_by_text("First parents only", exact=True).click()
    expect(graph.page.locator(".graph-active")).to_contain_text("First parents only")
