"""Histories far longer than a screen, and one longer than a browser can scroll."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from support.server import Server

LONG = 6_000
VAST = 3_000_000


def imported(folder: Path, stream: str) -> None:
    """A bare repository from a fast-import stream (git's Documentation/git-fast-import)."""
    import subprocess

    git("init", "--quiet", "--bare", str(folder))
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream.encode(), check=True, timeout=60)


def history(commits: int) -> str:
    """A trunk; beside it, in turns, three branches of three commits each that are merged back."""
    lines: list[str] = []
    for number in range(1, commits + 1):
        subject = f"Commit {number}"
        lines += [
            "commit refs/heads/main" if number % 4 == 0 or number < 3 else f"commit refs/heads/side{number % 4}",
            f"mark :{number}",
            f"author Ada <ada@example.com> {1_500_000_000 + number * 60} +0000",
            f"committer Ada <ada@example.com> {1_500_000_000 + number * 60} +0000",
            f"data {len(subject)}",
            subject,
        ]
        if number in (3, 5, 6):
            lines.append("from :2")
        if number % 4 == 0 and number > 12:
            lines.append(f"merge :{number - 1}")
        lines.append("")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def long(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("long") / "long.git"
    imported(folder, history(LONG))
    name = f"{server.admin}/long"
    server.cli("repo", "add", name, "--public", "--from", str(folder))
    return name


def test_the_oldest_commit_is_a_drag_away_and_only_windows_travel(page: Page, server: Server, long: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/graph?" in request.url else None)
    graph = GraphPage(page, server, long).open()
    expect(graph.grid).to_have_attribute("aria-rowcount", str(LONG))
    expect(graph.commit(f"Commit {LONG}")).to_be_visible()
    graph.scroll_to(1)
    expect(graph.commit("Commit 1")).to_be_visible()
    graph.scroll_to(0.5)
    graph.settle()
    numbers = [int(subject.split()[1]) for subject in graph.subjects()]
    assert all(abs(number - LONG / 2) < 200 for number in numbers)
    assert len(asked) <= 12


def test_dragging_through_it_keeps_its_pace(page: Page, server: Server, long: str) -> None:
    graph = GraphPage(page, server, long).open()
    # What the page itself spends, in CPU time; how long a frame takes on the screen depends on who else is at the machine.
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = devtools.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    before = spent()
    graph.grid.evaluate(
        """async (grid) => {
             const end = grid.scrollHeight - grid.clientHeight;
             for (let step = 0; step < 120; step++) {
               grid.scrollTop = end * step / 120;
               await new Promise(requestAnimationFrame);
             }
           }"""
    )
    assert (spent() - before) / 120 < 0.0167


@pytest.fixture
def vast(page: Page, server: Server, long: str) -> GraphPage:
    """The page of a history longer than an element can be high: the long one, with other windows."""

    def answer(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        at, rows = int(query["at"][0]), int(query["rows"][0])
        body: dict[str, Any] = {"generation": "1", "total": VAST, "at": at, "head": "refs/heads/main", "lanes": 1}
        body |= {"rows": [made(row) for row in range(at, min(VAST, at + rows))], "passing": [[0, at]] if at else []}
        route.fulfill(content_type="application/json", body=json.dumps(body))

    def made(row: int) -> dict[str, Any]:
        last = row == VAST - 1
        return {
            "row": row,
            "oid": f"{row:040x}",
            "lane": 0,
            "parents": [] if last else [row + 1],
            "edges": [] if last else [0],
            "author": "Ada",
            "email": "ada@example.com",
            "time": 1_700_000_000 - row,
            "subject": f"Row {row}",
            "refs": [],
        }

    page.route("**/graph?*", answer)
    graph = GraphPage(page, server, long).open(
        "?at=0"
    )  # asks for its rows, which are not those that come with the page
    expect(graph.row(1)).to_be_visible()
    return graph


def test_three_million_rows_can_be_scrolled_from_end_to_end(vast: GraphPage) -> None:
    vast.scroll_to(1)
    expect(vast.commit(f"Row {VAST - 1}")).to_be_visible()
    vast.scroll_to(0.25)
    expect(vast.commit(f"Row {VAST - 1}")).not_to_be_visible()
    vast.settle()
    middle = int(vast.subjects()[0].split()[1])
    assert middle == pytest.approx(VAST / 4, rel=0.001)
    # The wheel still moves by pixels, although a pixel of the scrollbar is several rows.
    vast.grid.hover()
    vast.page.mouse.wheel(0, 280)
    expect(vast.commit(f"Row {middle + 1}")).not_to_be_visible()

    def topmost() -> int:
        vast.settle()
        return int(vast.subjects()[0].split()[1])

    until = time.monotonic() + 60
    while abs(topmost() - middle - 10) > 1:  # the wheel glides
        assert time.monotonic() < until, (topmost(), middle)
        vast.page.wait_for_timeout(50)
    vast.grid.focus()
    vast.page.keyboard.press("j")
    vast.page.keyboard.press("Home")
    expect(vast.commit("Row 0")).to_be_visible()
