"""The list of changed files: what its button says, and names that are longer than there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server


def test_the_button_says_what_it_would_do_and_long_names_stay_in_their_tree(
    page: Page, server: Server, tmp_path: Path
) -> None:
    commit(tmp_path, {f"folder/{'long-' * 40}{number}.txt": "x\n" for number in range(10)})
    server.cli("repo", "add", "alice/long-names", "--public")
    server.git("push", "-q", server.remote("alice/long-names"), "main", cwd=tmp_path)
    page.goto(f"{server.url}/alice/long-names/commit/{git('rev-parse', 'HEAD', cwd=tmp_path).stdout.strip()}")
    fold = page.locator("[data-fold]")
    files = page.locator("details.diff")
    expect(fold).to_have_text("Close all")  # small files come open
    files.first.locator("summary").click()
    expect(fold).to_have_text("Open all")
    fold.click()
    expect(page.locator("details.diff[open]")).to_have_count(10)
    expect(fold).to_have_text("Close all")
    fold.click()
    expect(page.locator("details.diff[open]")).to_have_count(0)
    expect(fold).to_have_text("Open all")
    tree = page.locator(".changes-tree")
    assert tree.evaluate("it => it.scrollWidth - it.clientWidth") <= 0
