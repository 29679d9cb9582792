"""The graph page as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from support.server import Server


class GraphPage:
    """What is on the screen of `page`: rows by what they say, never by how they are made."""

    def __init__(self, page: Page, server: Server, full_name: str) -> None:
        self.page = page
        self.address = f"{server.url}/{full_name}"
        self.grid = page.get_by_role("grid", name="Commits, newest first")
        self.details = page.get_by_role("complementary", name="Commit")
        self.live = page.locator("#live")

    def open(self, query: str = "") -> GraphPage:
        """Go there and wait until it is drawn and follows the server."""
        self.page.goto(self.address + query)
        expect(self.row(1)).to_be_visible() if not query else expect(self.grid).to_be_visible()
        expect(self.live).to_have_text("Live")
        return self

    def commit(self, subject: str) -> Locator:
        """The row of the commit with this subject."""
        return self.grid.get_by_role("row").filter(has=self.page.get_by_text(subject, exact=True))

    def row(self, number: int) -> Locator:
        """The row with this number, counted from 1 at the top."""
        return self.grid.locator(f'[role="row"][aria-rowindex="{number}"]:not([hidden])')

    def chip(self, name: str) -> Locator:
        return self.grid.locator(".chip:visible").filter(has=self.page.get_by_text(name, exact=True))

    def subjects(self) -> list[str]:
        """The subjects in sight, from the top down."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('[role="grid"] [role="row"]:not([hidden])')]
                 .sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
                 .map((row) => row.querySelector('.row-subject').textContent)"""
        )
        return found

    def place(self, subject: str) -> float:
        """Where on the screen the row with this subject is, in px from the top."""
        box = self.commit(subject).bounding_box()
        assert box, f"{subject} is not in sight"
        return box["y"]

    def scroll_to(self, part: float) -> None:
        """Drag the scrollbar to this part of its way, 0 to 1, and wait until the page has drawn what is there."""
        self.grid.evaluate(
            """async (it, part) => {
                 it.scrollTop = (it.scrollHeight - it.clientHeight) * part;
                 for (let frames = 0; frames < 3; frames += 1) await new Promise(requestAnimationFrame);
               }""",
            part,
        )

    def settle(self) -> None:
        """Wait until every row in sight has come."""
        expect(self.grid.locator('[role="row"]:not([hidden])[data-waiting]')).to_have_count(0)
