"""Changes in a browser: the graph's details, a commit's page, a comparison."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from support.server import Server

LONG = "".join(f"line {number}\n" for number in range(1, 201))
PROGRAM = '"""A program."""\n\n\ndef greet(name):\n    # says hello\n    return f"hello {name}" * 2\n'


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    commit(work, {"long.txt": LONG, "code/program.py": PROGRAM, "code/other.py": "x = 1\n"}, "Begin")
    changed = LONG.replace("line 100\n", "line one hundred\n")
    program = PROGRAM.replace("hello {name}", "good day {name}")
    more: dict[str, str | bytes] = {f"more/f{number}.txt": "new\n" for number in range(10)}
    commit(work, more | {"long.txt": changed, "code/program.py": program, "huge.txt": "huge\n" * 2000}, "Change things")
    git("branch", "topic", cwd=work)
    commit(work, {"code/other.py": "x  =  2\n"}, "Change one thing")
    server.cli("repo", "add", "alice/diffs", "--public", "--from", str(work))
    return work


@pytest.fixture
def oid(work: Path) -> str:
    return git("rev-parse", "main~1", cwd=work).stdout.strip()


def file(page: Page, path: str) -> Locator:
    return page.locator(f'details.diff[data-path="{path}"]')


def numbers(page: Page, path: str) -> list[int]:
    """The numbers of the new side's lines that are shown."""
    found: list[int] = (
        file(page, path)
        .locator("tbody")
        .evaluate("it => [...it.rows].map((row) => Number(row.cells[1]?.dataset.n)).filter(Boolean)")
    )
    return found


def test_more_lines_are_shown_around_a_change_on_demand(page: Page, server: Server, oid: str) -> None:
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    assert numbers(page, "long.txt") == list(range(97, 104))
    up, down = (
        file(page, "long.txt").get_by_role("button", name=f"Show 20 lines more {way}") for way in ("above", "below")
    )
    up.first.click()
    expect(file(page, "long.txt").locator('[data-n="77"]').first).to_be_visible()
    assert numbers(page, "long.txt") == list(range(77, 104))
    down.last.click()
    expect(file(page, "long.txt").locator('[data-n="123"]').first).to_be_visible()
    assert numbers(page, "long.txt") == list(range(77, 124))
    for first in (57, 37):
        up.first.click()
        expect(file(page, "long.txt").locator(f'[data-n="{first}"]').first).to_be_visible()
    file(page, "long.txt").get_by_role("button", name="Show 36 hidden lines").click()
    expect(file(page, "long.txt").locator('[data-n="1"]').first).to_be_visible()
    assert numbers(page, "long.txt") == list(range(1, 124))


def test_a_large_file_is_drawn_when_it_is_opened(page: Page, server: Server, oid: str) -> None:
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    huge = file(page, "huge.txt")
    assert huge.get_attribute("open") is None
    huge.locator("summary").click()
    expect(huge.locator("tr.add")).to_have_count(2000)


def test_the_filter_narrows_the_list_and_the_tree(page: Page, server: Server, oid: str) -> None:
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    page.get_by_role("searchbox", name="Filter the changed files").fill("program")
    expect(page.locator("details.diff:visible")).to_have_count(1)
    tree = page.get_by_role("navigation", name="Changed files")
    expect(tree.get_by_role("link")).to_have_count(1)
    expect(tree.get_by_text("more", exact=True)).to_be_hidden()


def test_keys_go_from_file_to_file(page: Page, server: Server, oid: str) -> None:
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    for key, path in (("n", "code/program.py"), ("J", "huge.txt"), ("p", "code/program.py")):
        page.keyboard.press(key)
        expect(file(page, path).locator("summary")).to_be_focused()


def test_the_details_show_changes_beside_the_graph_or_below(page: Page, server: Server, work: Path, oid: str) -> None:
    graph = GraphPage(page, server, "alice/diffs").open(f"?commit={oid}")
    panel = page.get_by_role("complementary", name="Commit")
    expect(panel.get_by_role("heading", name="Change things")).to_be_visible()
    expect(panel.get_by_text("Child", exact=True)).to_be_visible()
    expect(panel.get_by_role("link", name="topic").first).to_be_visible()
    file(page, "code/program.py").locator("summary").click()
    expect(panel.locator("mark", has_text="good day")).to_be_visible()
    expect(file(page, "code/program.py").locator(".hl-k", has_text="def").first).to_be_visible()
    panel.get_by_role("link", name="Split").click()
    expect(file(page, "code/program.py").locator("table.split")).to_have_count(1)
    beside = panel.evaluate("it => it.clientWidth")
    panel.get_by_role("button", name="Show the details below the rows").click()
    below = panel.evaluate("it => it.clientWidth")
    assert below > beside * 1.5
    page.reload()
    graph.settle()
    file(page, "code/program.py").locator("summary").click()
    expect(file(page, "code/program.py").locator("table.split")).to_have_count(1)
    expect(panel).to_have_js_property("clientWidth", below)
    panel.get_by_title("Begin").click()
    expect(panel.get_by_role("heading", name="Begin")).to_be_visible()
    expect(page).to_have_url(re.compile(git("rev-parse", "main~2", cwd=work).stdout.strip()))


def test_files_are_walked_in_the_details_by_keys_that_the_graph_has_left(page: Page, server: Server, oid: str) -> None:
    GraphPage(page, server, "alice/diffs").open(f"?commit={oid}")
    expect(file(page, "code/program.py")).to_be_visible()
    page.keyboard.press("J")
    expect(file(page, "code/program.py").locator("summary")).to_be_focused()
    page.keyboard.press("J")
    expect(file(page, "huge.txt").locator("tr.add")).to_have_count(2000)


def test_blank_space_is_left_out_and_stays_so_for_the_next_commit(
    page: Page, server: Server, work: Path, oid: str
) -> None:
    GraphPage(page, server, "alice/diffs").open(f"?commit={git('rev-parse', 'main', cwd=work).stdout.strip()}")
    switch = page.get_by_role("link", name="Ignore space")
    expect(switch).not_to_have_attribute("aria-current", "true")
    expect(page.locator("tr.add mark")).to_have_count(2)
    switch.click()
    expect(switch).to_have_attribute("aria-current", "true")
    expect(page.locator("tr.add mark")).to_have_count(2)
    page.keyboard.press("j")
    expect(page.get_by_role("heading", name="Change things")).to_be_visible()
    expect(switch).to_have_attribute("aria-current", "true")


def test_names_are_offered_for_a_comparison(page: Page, server: Server, work: Path) -> None:
    page.goto(f"{server.url}/alice/diffs/compare")
    page.get_by_role("combobox", name="To").fill("top")
    expect(page.locator("datalist option[value=topic]")).to_have_count(1)
    page.get_by_role("combobox", name="To").fill("topic")
    page.get_by_role("combobox", name="From").fill("main")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare/main...topic")
    page.get_by_role("link", name="Swap the two sides").click()
    page.get_by_text("1 commit", exact=True).first.wait_for()
    expect(file(page, "code/other.py").locator("mark").first).to_be_visible()


def test_changes_can_be_read_without_scripts(open_page: Callable[..., Page], server: Server, oid: str) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    expect(file(page, "code/program.py").locator("mark", has_text="good day")).to_be_visible()
    page.get_by_role("link", name="Split").click()
    expect(page.locator("table.split").first).to_be_visible()
    file(page, "huge.txt").locator("summary").click()
    page.get_by_role("link", name="Show the changes").click()
    expect(page.locator("tr:has(td.add)")).to_have_count(2000)
    page.go_back()
    page.get_by_role("link", name="Branches and tags that contain it").click()
    expect(page.get_by_role("link", name="topic")).to_be_visible()


@pytest.mark.parametrize("path", ["commit/{oid}", "commit/{oid}?view=split", "compare/{oid}...main"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_has_to_be_scrolled_sideways(
    open_page: Callable[..., Page], server: Server, oid: str, path: str, width: int
) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    page.goto(f"{server.url}/alice/diffs/{path.format(oid=oid)}")
    page.evaluate("document.querySelectorAll('details.diff').forEach((it) => it.style.contentVisibility = 'visible')")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.diff-body')].filter((it) => it.scrollWidth > it.clientWidth).length"
    )
    assert wide == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_code_are_legible_on_every_ground(
    open_page: Callable[..., Page], server: Server, oid: str, scheme: str
) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(f"{server.url}/alice/diffs/commit/{oid}")
    found = page.evaluate(CONTRASTS)
    assert len(found) == 3 * 2 * 12
    assert {name: round(value, 2) for name, value in found.items() if value < 4.5} == {}


# The contrast of every class of code with lines as they were, added and deleted, marked and not: WCAG 2.2, 1.4.3.
CONTRASTS = """() => {
  const table = document.querySelector("table.unified");
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => {
      const c = v / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  for (const kind of ["", "add", "del"]) {
    const row = table.tBodies[0].insertRow();
    row.className = kind;
    const cell = row.insertCell();
    cell.className = "t";
    for (const around of ["span", "mark"]) {
      const holder = cell.appendChild(document.createElement(around));
      for (const name of ["", ..."kscmftpaeix"]) {
        const word = holder.appendChild(document.createElement("span"));
        word.className = `hl-${name}`;
        word.textContent = "word";
        const grounds = [];
        for (let e = word; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
        const [a, b] = [light(grounds), light([...grounds, getComputedStyle(word).color])];
        found[`${kind} ${around} ${name}`] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }
    }
  }
  return found;
}"""
