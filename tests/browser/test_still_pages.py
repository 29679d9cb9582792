"""What arrives late moves nothing that somebody reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.previews import wait
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from support.server import Server

# https://web.dev/articles/cls, and of each shift what moved first.
WATCH = """(() => {
  window.shifts = [];
  const told = ({ node }) => `${node?.nodeName}.${node?.className}`;
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) shifts.push([value, ...sources.slice(0, 1).map(told)]);
  }).observe({ type: "layout-shift", buffered: true });
})()"""
SMALL = 0.01  # a word that finds its width, a form that is drawn before all of it has been read; 0.1 is called good


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    commit(work, {"src/deep/main.py": "x = 1\n", "README.md": "# Still\n"}, "Begin")
    commit(work, {"src/deep/main.py": "x = 2\n"}, "Change one thing")
    for number in range(5):
        git("checkout", "-q", "-B", f"topic-{number}", "main", cwd=work)
        commit(work, {f"t{number}": "1\n"}, f"Topic {number}")
    for number in range(9):
        git("tag", f"a-rather-long-name-of-a-release-{number}", cwd=work)
    server.cli("repo", "add", "alice/still", "--public", "--from", str(work))
    counted = "/api/repos/alice/still/graph/analytics"  # which the page shows while it lasts
    wait(lambda: server.get(counted).status == 200, "all is counted")
    return work


@pytest.mark.parametrize("path", ["", "/tree", "/tree/main/src", "/branches", "/insights"])
def test_pages_stand_still_while_they_open(page: Page, server: Server, work: Path, path: str) -> None:
    page.add_init_script(WATCH)
    page.goto(f"{server.url}/alice/still{path}")
    if not path:
        expect(page.locator("#live")).to_have_text("Live")
    page.wait_for_load_state("networkidle")
    shifts = page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(shifts))))")
    assert sum(shift[0] for shift in shifts) < SMALL, shifts


@pytest.mark.parametrize("width", [1280, 390])
def test_what_takes_longer_to_find_out_has_its_place_in_the_details(
    open_page: Callable[..., Page], server: Server, work: Path, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    held: list[Route] = []
    for address in ("**/about?fragment", "**/graph/kin?*"):
        page.route(address, lambda route: held.append(route))
    oid = git("rev-parse", "main", cwd=work).stdout.strip()
    details = GraphPage(page, server, "alice/still").open(f"?commit={oid}").details
    expect(details.get_by_role("heading", name="Change one thing")).to_be_visible()
    changes = details.get_by_text("1 file changed")
    while len(held) < 2:
        page.wait_for_timeout(10)
    before = changes.bounding_box()
    for route in held:
        route.continue_()
    expect(details.get_by_role("link", name="topic").first).to_be_attached()
    expect(details.get_by_text("all 15", exact=True)).to_be_visible()
    expect(details.get_by_text("Children", exact=True)).to_be_visible()
    assert changes.bounding_box() == before
    details.get_by_text("all 15", exact=True).click()
    last = details.get_by_role("link", name="a-rather-long-name-of-a-release-8")
    expect(last).to_be_in_viewport()
