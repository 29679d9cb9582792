"""Insights as people meet them: a range to pick, values to point at, a push that shows, and reading without a script."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from browser.conftest import Complaints
    from support.server import Server

WEEK = 7 * 86_400
MONDAY = 1_700_474_400  # 20 November 2023, 10:00 UTC


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`alice/garden`: a commit on the Monday of each of forty weeks, the even ones by Ada, the odd ones by Bob."""
    work = tmp_path_factory.mktemp("garden")
    git("init", "--quiet", cwd=work)
    for number in range(40):
        grow(work, number)
    server.git("remote", "add", "origin", server.remote("alice/garden"), cwd=work)
    server.git("push", "--quiet", "origin", "main", cwd=work)
    return work


def grow(work: Path, number: int) -> None:
    folder = work / "beds"
    folder.mkdir(exist_ok=True)
    (folder / f"bed-{number % 4}.txt").write_text(f"planted {number}\n" * (number + 1))
    git("add", "--all", cwd=work)
    date = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{MONDAY + number * WEEK} +0000")
    name = ("Ada Author", "Bob Builder")[number % 2]
    done = git("commit", "--quiet", "-m", f"Bed {number}", cwd=work, **date, GIT_AUTHOR_NAME=name)
    assert done.returncode == 0, done.stderr


def figure(page: Page, name: str) -> str:
    """The figure with this name at the top of the page."""
    return page.locator(f'.insights-figures div:has(dt:text-is("{name}")) [data-figure]').inner_text()


def arrive(page: Page, server: Server, query: str = "") -> None:
    page.goto(f"{server.url}/alice/garden/insights{query}")
    expect(page.get_by_role("heading", name="Commits per week")).to_be_visible()
    expect(page.locator("#live")).to_have_text("Live")


def test_a_range_is_picked_by_button_or_by_days_and_stands_in_the_address(
    signed_in: Page, server: Server, work: Path
) -> None:
    page = signed_in
    page.goto(f"{server.url}/alice/garden")
    page.get_by_role("link", name="Insights").click()
    expect(page.locator(".insights-words")).to_have_text("20 Nov 2023 to 19 Aug 2024 on main, with commits on 40 days.")
    assert figure(page, "Commits") == "40"
    page.get_by_label("From").fill("2024-01-01")
    page.get_by_label("to", exact=True).fill("2024-01-31")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator('[data-figure="commits"]')).to_have_text("5")
    expect(page).to_have_url(re.compile(r"/insights\?after=2024-01-01&before=2024-01-31$"))
    page.reload()
    expect(page.locator('[data-figure="commits"]')).to_have_text("5")
    page.get_by_role("link", name=re.compile("3 months")).click()
    expect(page.locator(".insights-words")).to_have_text("Nobody committed anything in these days.")
    expect(page).to_have_url(re.compile(r"/insights\?months=3$"))
    page.go_back()
    expect(page.locator('[data-figure="commits"]')).to_have_text("5")
    expect(page.get_by_label("From")).to_have_value("2024-01-01")
    page.get_by_role("link", name=re.compile("All")).click()
    expect(page.locator('[data-figure="commits"]')).to_have_text("40")


def test_every_chart_tells_its_values_by_mouse_by_keyboard_and_as_a_table(
    signed_in: Page, server: Server, work: Path
) -> None:
    page = signed_in
    arrive(page, server)
    tip, said = page.locator(".insight-tip"), page.locator("[data-said]")
    velocity = page.locator('[data-chart="velocity"] svg')
    velocity.scroll_into_view_if_needed()
    box = velocity.bounding_box()
    assert box
    page.mouse.move(box["x"] + 44, box["y"] + 100)
    expect(tip).to_contain_text("Week of 20 Nov 2023")
    expect(tip).to_contain_text("commits1")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    velocity.focus()
    page.keyboard.press("End")
    expect(said).to_contain_text("Week of 19 Aug 2024: 1 commits")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("Week of 12 Aug 2024")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()

    page.locator('[data-chart="hours"] svg').focus()
    page.keyboard.press("Home")
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    expect(said).to_have_text("Monday, 10:00 to 10:59: 40 commits, 100.0 % of all")
    page.keyboard.press("ArrowDown")
    expect(said).to_have_text("Tuesday, 10:00 to 10:59: 0 commits, 0.0 % of all")

    for key, row in (
        ("hours", "10:00"),
        ("sizes", "1 – 2"),
        ("merges", "Week of 20 Nov 2023"),
        ("rework", "Week of 20 Nov 2023"),
    ):
        chart = page.locator(f'[data-chart="{key}"]')
        chart.locator("summary").click()
        expect(chart.get_by_role("row").filter(has=page.get_by_role("rowheader", name=row, exact=True))).to_be_visible()


def test_people_and_hot_spots_can_be_ranked_otherwise(signed_in: Page, server: Server, work: Path) -> None:
    page = signed_in
    arrive(page, server)
    people = page.get_by_role("region", name="People")
    expect(people.get_by_role("listitem")).to_have_count(2)
    expect(people.get_by_role("listitem").first).to_contain_text("20")
    people.get_by_role("button", name="Lines").click()
    expect(people.get_by_role("listitem").first).to_contain_text("Bob Builder")
    spots = page.get_by_role("region", name="Hot spots")
    expect(spots.get_by_role("listitem")).to_have_count(4)
    spots.get_by_role("button", name="Lines").click()
    expect(spots.get_by_role("listitem").first).to_contain_text("bed-3.txt")
    spots.get_by_role("link", name="beds/bed-3.txt").click()
    expect(page.get_by_role("link", name="Bed 39")).to_be_visible()
    page.go_back()
    people.get_by_role("link", name="Bob Builder").click()
    expect(page.get_by_role("grid").get_by_text("Bed 39")).to_be_visible()
    expect(page.get_by_role("grid").get_by_text("Bed 38")).to_have_count(0)


def test_a_push_shows_in_an_open_page_which_stays_where_it_is(signed_in: Page, server: Server, work: Path) -> None:
    page = signed_in
    arrive(page, server)
    page.evaluate("window.neverReloaded = true; window.scrollTo(0, 500)")
    before = page.locator('[data-chart="sizes"]').bounding_box()
    grow(work, 40)
    server.git("push", "--quiet", "origin", "main", cwd=work)
    expect(page.locator('[data-figure="commits"]')).to_have_text("41")
    assert page.locator('[data-chart="sizes"]').bounding_box() == before
    assert page.evaluate("window.neverReloaded") is True
    git("reset", "--quiet", "--hard", "HEAD~1", cwd=work)
    server.git("push", "--quiet", "--force", "origin", "main", cwd=work)
    expect(page.locator('[data-figure="commits"]')).to_have_text("40")


def test_a_finger_on_a_chart_tells_its_value_on_a_phone(
    open_page: Callable[..., Page], sign_in: Callable[[Page, Server], None], server: Server, work: Path
) -> None:
    page = open_page(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True, color_scheme="dark")
    sign_in(page, server)
    arrive(page, server)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    chart = page.locator('[data-chart="sizes"] svg')
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 100, box["y"] + 30)
    tip = page.locator(".insight-tip")
    expect(tip).to_contain_text("1 – 2 lines")
    place = tip.bounding_box()
    assert place
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 360
    small = page.evaluate(
        """() => [...document.querySelectorAll("#insights :is(button, summary, input, nav a)")]
             .filter((it) => it.offsetParent && it.getBoundingClientRect().height < 44 && !it.closest('nav')).map((it) => it.textContent)"""
    )
    assert small == []


def test_without_a_script_the_figures_can_be_read(open_page: Callable[..., Page], server: Server, work: Path) -> None:
    server.cli("repo", "add", "alice/open", "--public", "--from", str(work))
    page = open_page(java_script_enabled=False)
    page.goto(f"{server.url}/alice/open/insights")
    until = time.monotonic() + 40
    while not page.get_by_role("row").count():  # the history is read for the first time
        assert time.monotonic() < until
        page.wait_for_timeout(200)
        page.reload()
    expect(page.get_by_role("row").filter(has_text="Ada Author")).to_contain_text("20")
    expect(page.get_by_role("row").filter(has_text="beds/bed-1.txt")).to_contain_text("10")
    page.get_by_label("From").fill("2024-08-01")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator('[data-figure="commits"]')).to_have_text("3")


def test_a_wrong_range_says_what_to_do(signed_in: Page, server: Server, work: Path, complaints: Complaints) -> None:
    complaints.expect("400")
    signed_in.goto(f"{server.url}/alice/garden/insights?after=2024-02-01&before=2024-01-01")
    expect(signed_in.get_by_role("alert")).to_have_text(
        "after is 2024-02-01, later than before, 2024-01-01; change places."
    )
    signed_in.get_by_role("link", name=re.compile("All")).click()
    expect(signed_in.locator('[data-figure="commits"]')).to_have_text("40")
    expect(signed_in.get_by_role("alert")).to_be_hidden()
