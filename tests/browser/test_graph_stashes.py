"""A stash on the page: a box with its name on a row of its own, told by its commit's card, hidden by a filter that the address keeps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit, git

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from support.server import Server


@pytest.fixture(scope="module")
def attic(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    work = tmp_path_factory.mktemp("attic") / "work"
    commit(work, {"chest": "closed"}, "Carry the chest up")
    (work / "chest").write_text("open")
    for arguments in (
        ["stash", "push", "--quiet", "--message", "Look inside"],
        ["update-ref", "refs/stashes/chest", "refs/stash"],
    ):
        done = git(*arguments, cwd=work)
        assert done.returncode == 0, done.stderr
    name = f"{server.admin}/attic"
    server.cli("repo", "add", name, "--public", "--from", str(work))
    return name


def test_a_stash_is_a_box_that_a_filter_hides(page: Page, server: Server, attic: str) -> None:
    graph = GraphPage(page, server, attic).open()
    rows = graph.grid.locator('[role="row"]:not([hidden])')
    label = graph.grid.locator(".chip-stash:visible")
    expect(label).to_have_count(1)
    expect(rows).to_have_count(2)  # not the index that git made a commit of
    label.hover()
    card = page.get_by_role("dialog", name=re.compile("^Commit "))
    expect(card).to_contain_text("Look inside")
    page.keyboard.press("Escape")
    page.locator("summary").filter(has_text="Filter").click()
    page.get_by_label("Hide stashes").check()
    expect(label).to_have_count(0)
    expect(page).to_have_url(re.compile(r"[?&]stashes=0"))
    expect(rows).to_have_count(1)
    graph.page.reload()
    expect(page.get_by_text("No stashes")).to_be_visible()
    expect(rows).to_have_count(1)
