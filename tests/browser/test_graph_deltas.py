"""What a push has changed comes with the news of it: an open page asks for nothing, and shows what a page opened now would."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commits, git

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server

BLOCK = 128  # rows that the page keeps together


class Work:
    """A work tree in which a minute goes by between two commits: those of the same second need not come on top."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._now = 1_750_000_000
        folder.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> None:
        self._now += 60
        done = git(*arguments, cwd=self.folder, GIT_COMMITTER_DATE=f"{self._now} +0000")
        assert done.returncode == 0, done.stderr

    def commit(self, subject: str) -> None:
        self.git("commit", "--quiet", "--allow-empty", "-m", subject)

    def notes(self, numbers: range) -> None:
        commits(self.folder, (({}, f"Note {number}") for number in numbers), self._now + 60, 60)
        self._now += 60 * len(numbers)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """With nearly two blocks of commits, and a branch that left early."""
    work = Work(tmp_path / "work")
    work.notes(range(BLOCK + 61))
    work.git("checkout", "--quiet", "-b", "early")
    work.commit("Left early")
    work.git("checkout", "--quiet", "main")
    work.notes(range(BLOCK + 61, 2 * BLOCK - 6))
    return work


def drawn(page: Page) -> str:
    """The lanes in sight, pixel by pixel."""
    pixels: str = page.evaluate("document.querySelector('.graph-list canvas').toDataURL()")
    return pixels


def labels(graph: GraphPage) -> list[list[str]]:
    return [graph.row(number).locator(".chip-name").all_text_contents() for number in range(1, 25)]


def at_rest(graph: GraphPage) -> tuple[list[str], list[list[str]], str]:
    """Subjects, labels and lanes when nothing moves any more."""
    graph.settle()
    last, now = None, (graph.subjects(), labels(graph), drawn(graph.page))
    while last != now:
        graph.page.wait_for_timeout(500)
        last, now = now, (graph.subjects(), labels(graph), drawn(graph.page))
    return now


def test_pushes_are_drawn_without_asking_and_as_if_opened_now(signed_in: Page, server: Server, work: Work) -> None:
    name = "alice/deltas"
    work.git("remote", "add", "origin", server.remote(name))
    work.git("push", "--quiet", "origin", "main", "early")
    with signed_in.expect_response(lambda answer: answer.url.endswith(f"{name}/graph?at=0&rows=1")):
        graph = GraphPage(signed_in, server, name).open()
        graph.settle()
    # The page has looked once whether it missed something while it was opened.
    asked: list[str] = []
    signed_in.on("request", lambda request: asked.append(request.url) if f"{name}/graph?" in request.url else None)

    for number in range(10):
        work.commit(f"Later {number}")
    work.git("push", "--quiet", "origin", "main")
    expect(graph.row(1)).to_contain_text("Later 9")

    work.git("checkout", "--quiet", "early")
    work.commit("Grown from early")
    work.git("checkout", "--quiet", "main")
    work.git("merge", "--quiet", "--no-ff", "-m", "Take early in", "early")
    work.git("push", "--quiet", "origin", "main", "early")
    expect(graph.row(1)).to_contain_text("Take early in")

    work.git("push", "--quiet", "origin", "main~3:refs/heads/pointer")
    expect(graph.chip("pointer")).to_be_visible()
    work.git("push", "--quiet", "origin", ":early")
    expect(graph.chip("early")).to_have_count(0)
    assert asked == []

    followed = at_rest(graph)
    signed_in.reload()
    expect(graph.row(1)).to_contain_text("Take early in")
    opened = at_rest(graph)
    assert opened[:2] == followed[:2]
    assert opened[2] == followed[2]
