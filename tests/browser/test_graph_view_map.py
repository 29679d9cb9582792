"""The map of the whole history beside the rows, and what the page says while an answer is late, lost or not there yet."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page, Route

    from support.server import Server

COMMITS = 900
DAY = 86_400


@pytest.fixture(scope="module")
def long(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A line of commits, one every other day of five years."""
    import subprocess

    folder = tmp_path_factory.mktemp("long") / "long.git"
    lines = []
    for number in range(1, COMMITS + 1):
        at = f"Ada <ada@example.com> {1_546_300_800 + number * 2 * DAY} +0000"  # from 2019 on
        subject = f"Commit {number}"
        lines += ["commit refs/heads/main", f"author {at}", f"committer {at}", f"data {len(subject)}", subject, ""]
    git("init", "--quiet", "--bare", str(folder))
    stream = "\n".join(lines).encode()
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream, check=True, timeout=60)
    name = f"{server.admin}/line"
    server.cli("repo", "add", name, "--public", "--from", str(folder))
    return name


@pytest.fixture
def graph(page: Page, server: Server, long: str) -> GraphPage:
    return GraphPage(page, server, long).open()


@pytest.fixture
def place(graph: GraphPage) -> Locator:
    return graph.page.get_by_role("scrollbar", name="Place in the history")


def newest(graph: GraphPage) -> int:
    """The number of the topmost commit in sight."""
    graph.settle()
    return int(graph.subjects()[0].split()[1])


def test_the_map_is_dragged_to_any_place(graph: GraphPage, place: Locator) -> None:
    box = place.bounding_box()
    assert box
    x, mouse = box["x"] + 20, graph.page.mouse
    mouse.move(x, box["y"] + 4)
    mouse.down()
    for part in (0.2, 0.35, 0.5):
        mouse.move(x, box["y"] + 4 + box["height"] * part)
    expect(graph.page.locator(".graph-map-bubble")).to_have_text(re.compile(r"^\d+ \w+ 2021 · \d+$"))
    mouse.up()
    expect(graph.page.locator(".graph-map-bubble")).to_be_hidden()
    expect(graph.commit(f"Commit {COMMITS // 2}")).to_be_visible()  # the rows follow as fast as they come
    assert newest(graph) == pytest.approx(COMMITS / 2, abs=30)
    mouse.click(x, box["y"] + box["height"] - 2)
    expect(graph.commit("Commit 1")).to_be_visible()


def test_the_map_is_reached_by_keys_and_tells_the_place(graph: GraphPage, place: Locator) -> None:
    place.focus()
    keyboard = graph.page.keyboard
    keyboard.press("End")
    expect(graph.commit("Commit 1")).to_be_visible()
    expect(place).to_have_attribute("aria-valuetext", re.compile(rf"^\d+ \w+ 2019, row \d+ of {COMMITS}$"))
    keyboard.press("PageUp")  # to where the next year begins
    expect(place).to_have_attribute("aria-valuetext", re.compile("(December 2019|January 2020)"))
    keyboard.press("Home")
    expect(place).to_have_attribute("aria-valuenow", "1")
    keyboard.press("ArrowDown")
    expect(place).to_have_attribute("aria-valuenow", "10")


def test_a_wheel_over_the_map_scrolls_too(graph: GraphPage, place: Locator) -> None:
    place.hover()
    graph.page.mouse.wheel(0, 280)
    expect(graph.commit(f"Commit {COMMITS - 10}")).to_be_visible()
    expect(graph.commit(f"Commit {COMMITS - 9}")).not_to_be_in_viewport()


def test_a_lost_answer_is_asked_for_again_and_leaves_no_hole(graph: GraphPage, complaints: Any) -> None:
    complaints.expect("net::ERR_FAILED", "503")
    lost = []

    def answer(route: Route) -> None:
        lost.append(route.request.url)
        if len(lost) == 1:
            route.abort()
        elif len(lost) == 2:
            route.fulfill(status=503, json={"message": "The server is busy."})
        else:
            route.continue_()

    graph.page.route("**/graph?at=*", answer)
    graph.scroll_to(1)
    notice = graph.page.locator(".graph-notice")
    expect(notice).to_contain_text("Trying again.")
    expect(graph.commit("Commit 1")).to_be_visible()
    expect(notice).to_be_hidden()
    graph.settle()


def test_a_history_that_is_being_laid_out_shows_how_far_it_is(page: Page, server: Server, long: str) -> None:
    asked: list[str] = []
    seen: list[bool] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if seen:
            route.continue_()
            return
        body = {"building": True, "progress": 0.2 * min(len(asked), 4), "commits": 1_250_000}
        route.fulfill(status=202, content_type="application/json", body=json.dumps(body))

    page.route("**/graph?at=0&rows=192", answer)
    page.goto(f"{server.url}/{long}?at=0")
    expect(page.get_by_text("Laying out the history")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^1,250,000 commits · [2-8]0 %$"))).to_be_visible()
    seen.append(True)
    graph = GraphPage(page, server, long)
    expect(graph.commit(f"Commit {COMMITS}")).to_be_visible()
    expect(page.get_by_text("Laying out the history")).to_be_hidden()


def test_a_push_arrives_in_a_part_of_the_graph_and_leaves_the_place_of_who_is_elsewhere(
    signed_in: Page, server: Server, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    for number in range(60):
        commit(work, {"notes.txt": f"{number}\n"}, f"Note {number}")
    name = f"{server.admin}/narrowed"
    server.git("remote", "add", "origin", server.remote(name), cwd=work)
    server.git("push", "--quiet", "origin", "main", cwd=work)
    graph = GraphPage(signed_in, server, name).open("?path=notes.txt")
    expect(graph.commit("Note 59")).to_be_visible()
    commit(work, {"other.txt": "x"}, "Elsewhere")
    commit(work, {"notes.txt": "more"}, "Note 60")
    server.git("push", "--quiet", "origin", "main", cwd=work)
    expect(graph.commit("Note 60")).to_be_visible()
    expect(graph.commit("Elsewhere")).to_have_count(0)
    graph.scroll_to(1)
    expect(graph.commit("Note 0")).to_be_visible()
    before = graph.place("Note 3")
    commit(work, {"notes.txt": "yet more"}, "Note 61")
    server.git("push", "--quiet", "origin", "main", cwd=work)
    expect(graph.grid).to_have_attribute("aria-rowcount", "62")
    assert graph.place("Note 3") == pytest.approx(before, abs=1)
