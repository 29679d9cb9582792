"""Folders, files, their history and blame in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from support.server import Server

LONG = 4_321


@pytest.fixture(scope="module")
def shelf(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`alice/shelf`, public: folders in folders, a long file that two commits wrote, one that was renamed."""
    work = tmp_path_factory.mktemp("shelf")
    long = [f"value_{n} = {n}\n" for n in range(1, LONG + 1)]
    files = {f"src/part{n}/module{m}.py": f"x = {n * m}\n" for n in range(3) for m in range(3)}
    commit(
        work, {"README.md": "# Shelf\n", "src/long.py": "".join(long), "notes.txt": "one\ntwo\n" * 20, **files}, "Begin"
    )
    long[3999] = "value_4000 = 'changed'\n"
    commit(work, {"src/long.py": "".join(long)}, "Change a line far down")
    git("mv", "notes.txt", "src/remarks.txt", cwd=work)
    commit(work, {}, "Move the notes")
    git("branch", "feature/x", cwd=work)
    git("tag", "v1.0", cwd=work)
    commit(work, {"src/part0/new.py": "y = 1\n"}, "Newest")
    server.cli("repo", "add", "alice/shelf", "--public")
    server.git("push", "-q", server.remote("alice/shelf"), "--all", cwd=work)
    server.git("push", "-q", server.remote("alice/shelf"), "--tags", cwd=work)
    return work


def test_the_tree_opens_folders_in_place_and_remembers_them(
    server: Server, shelf: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{server.url}/alice/shelf/tree/main")
    tree = page.get_by_role("tree")
    tree.get_by_role("treeitem", name="src").click()
    part = tree.get_by_role("treeitem", name="part1")
    expect(part).to_have_attribute("aria-level", "2")
    part.focus()
    page.keyboard.press("ArrowRight")
    expect(tree.get_by_role("treeitem", name="module2.py")).to_be_visible()
    assert page.url.endswith("/tree/main")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/blob/main/src/part1/module0.py")
    expect(tree.get_by_role("treeitem", name="module0.py")).to_have_attribute("aria-current", "page")
    expect(tree.get_by_role("treeitem", name="part1")).to_have_attribute("aria-expanded", "true")
    page.get_by_role("tree").get_by_role("treeitem", name="src").click()
    expect(tree.get_by_role("treeitem", name="long.py")).to_be_hidden()


def test_a_few_letters_and_enter_lead_to_a_file(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/tree/feature/x")
    page.keyboard.press("t")
    page.get_by_role("combobox", name="Go to file").fill("p2mod1")
    option = page.get_by_role("option", selected=True)
    expect(option).to_have_text("src/part2/module1.py")
    expect(page.locator("dialog mark").first).to_have_text("p")
    page.keyboard.press("Enter")
    page.wait_for_url("**/blob/feature/x/src/part2/module1.py")
    page.keyboard.press("t")
    page.get_by_role("combobox", name="Go to file").fill("zzzz")
    expect(page.get_by_text("No path has these letters")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_lines_are_chosen_by_click_shift_and_keyboard(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/blob/main/src/long.py")
    page.get_by_label("Line 10", exact=True).click()
    expect(page).to_have_url(re.compile("#L10$"))
    page.get_by_label("Line 20", exact=True).click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile("#L10-L20$"))
    expect(page.locator("tr.chosen")).to_have_count(11)
    page.get_by_role("region", name="Content of long.py").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("tr.chosen")).to_have_count(1)
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("tr.chosen")).to_have_count(2)
    chosen = page.evaluate("location.hash").removeprefix("#L").split("-L")
    assert int(chosen[1]) == int(chosen[0]) + 1
    page.keyboard.press("y")
    oid = git("rev-parse", "main", cwd=shelf).stdout.strip()
    page.wait_for_url(f"**/blob/{oid}/src/long.py#L*")
    expect(page.locator("tr.chosen")).to_have_count(2)


def test_a_finger_chooses_lines_by_two_taps(server: Server, shelf: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"{server.url}/alice/shelf/blob/main/src/long.py")
    page.get_by_label("Line 3", exact=True).tap()
    page.get_by_label("Line 6", exact=True).tap()
    expect(page).to_have_url(re.compile("#L3-L6$"))
    page.get_by_label("Line 2", exact=True).tap()
    expect(page).to_have_url(re.compile("#L2$"))
    oid = git("rev-parse", "main", cwd=shelf).stdout.strip()
    page.get_by_role("link", name="Permalink").tap()
    page.wait_for_url(f"**/blob/{oid}/src/long.py#L2")


def test_a_line_far_down_in_a_long_file_is_there_when_it_is_asked_for(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/blob/main/src/long.py#L4000")
    expect(page.locator("#L4000 .text")).to_have_text("value_4000 = 'changed'")
    expect(page.locator("#L4000")).to_be_in_viewport()
    assert page.locator("tr[id]").count() < LONG
    page.keyboard.press("l")
    expect(page.get_by_role("dialog")).to_contain_text("The number of a line.")
    page.keyboard.type("2345")
    page.keyboard.press("Enter")
    expect(page.locator("#L2345")).to_be_in_viewport()
    expect(page).to_have_url(re.compile("#L2345$"))


def test_another_ref_has_the_same_path(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/blob/main/src/remarks.txt")
    page.locator(".ref-menu summary").click()
    page.get_by_label("Find a branch or tag").fill("feat")
    page.get_by_role("link", name="feature/x").click()
    page.wait_for_url("**/blob/feature/x/src/remarks.txt")


def test_a_history_goes_on_under_the_name_before(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/history/main/src/remarks.txt")
    expect(page.locator(".change .subject")).to_have_text(["Move the notes", "Begin"])
    expect(page.get_by_text("Before this it was called notes.txt")).to_be_visible()
    page.get_by_role("link", name="Blame as of").last.click()
    page.wait_for_url("**/blame/*/notes.txt")


def test_blame_walks_back_before_a_change(server: Server, shelf: Path, page: Page) -> None:
    page.goto(f"{server.url}/alice/shelf/blame/main/src/long.py#L4000")
    cell = page.locator("#L4000 .origin")
    expect(cell.get_by_role("link", name="Change a line far down")).to_be_visible()
    # The parts around it are there, and nothing moves below the pointer any more.
    expect(page.locator("#L4100 .origin[data-oid]")).to_be_attached()
    expect(page.locator("#L4000")).to_be_in_viewport()
    cell.get_by_role("link", name="Change a line far down").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("Ada Author")
    cell.get_by_role("link", name="Blame before this change").click()
    expect(page.locator("#L4000 .text")).to_have_text("value_4000 = 4000")
    begun = git("rev-list", "--max-parents=0", "main", cwd=shelf).stdout.strip()
    expect(page).to_have_url(re.compile(f"/blame/{begun}/src/long.py"))
    expect(page.locator(f'#L4000 .origin[data-oid="{begun}"]')).to_be_attached()


def test_a_tap_on_a_line_tells_its_commit(server: Server, shelf: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"{server.url}/alice/shelf/blame/main/src/long.py")
    cell = page.locator("#L3 .origin[data-oid]")
    cell.tap()
    card = page.locator(".blame-card")
    expect(card).to_contain_text("Begin")
    assert card.get_by_role("link", name="The commit").bounding_box()["height"] >= 44  # type: ignore[index]
    card.get_by_role("link", name="The commit").tap()
    page.wait_for_url("**/commit/*")


def test_last_commits_that_were_not_known_in_time_come_in(server: Server, shelf: Path, page: Page) -> None:
    def too_early(route: Route) -> None:
        """The page as it is sent before the walk through the history has come to an end."""
        answer = route.fetch()
        cells = re.sub(r'<td class="(message|when)">.*?</td>', r'<td class="\1"></td>', answer.text(), flags=re.DOTALL)
        data = 'class="files" data-last="/api/repos/alice/shelf/last-commits/main/src"'
        route.fulfill(response=answer, body=cells.replace('class="files"', data))

    page.route("**/alice/shelf/tree/main/src", too_early)
    page.goto(f"{server.url}/alice/shelf/tree/main/src")
    row = page.get_by_role("row", name="long.py")
    expect(row.get_by_role("link", name="Change a line far down")).to_be_visible()
    expect(row.locator("time")).to_have_text(re.compile("just now|ago$"))
    expect(page.get_by_role("row", name="part0").get_by_role("link", name="Newest")).to_be_visible()


@pytest.mark.parametrize(
    "path", ["tree/main/src", "blob/main/src/long.py", "history/main/src", "blame/main/src/long.py"]
)
def test_without_scripts_it_can_all_be_read(
    server: Server, shelf: Path, open_page: Callable[..., Page], path: str
) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{server.url}/alice/shelf/{path}")
    if path.startswith("blame"):
        page.wait_for_url("**?plain")
        expect(page.locator("#L1 .origin")).to_contain_text("Ada Author")
    if "long.py" in path:
        page.get_by_role("link", name="Lines after").click()
        expect(page.locator("#L501 .text")).to_have_text("value_501 = 501")
    else:
        expect(page.get_by_text("Newest").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path", ["tree/main/src", "blob/main/src/long.py", "history/main/src/remarks.txt", "blame/main/src/long.py"]
)
def test_these_pages_fit_a_phone(
    server: Server, shelf: Path, open_page: Callable[..., Page], path: str, scheme: str
) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme=scheme)
    page.goto(f"{server.url}/alice/shelf/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
