"""Pictures of the graph held against each other: however a page came to what it shows, it shows the same."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server

BEGIN = 1_500_000_000  # long ago, so that no "an hour ago" changes between two pictures
DAY = 86_400
SOFT = 300  # dots at round corners, which are not always softened alike; one letter has more

# The dots of two pictures that differ in a way to be seen.
COMPARE = """async (pictures) => {
  const [one, other] = await Promise.all(pictures.map(async (data) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }));
  if (one.width !== other.width || one.height !== other.height) return Infinity;
  let found = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    found += [0, 1, 2].some((part) => Math.abs(one.data[at + part] - other.data[at + part]) > 8);
  }
  return found;
}"""


class Work:
    """A work tree whose commits are a day apart."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.days = folder, 0
        folder.mkdir()
        self.git("init", "--quiet")

    def git(self, *arguments: str, **environment: str) -> None:
        done = git(*arguments, cwd=self.folder, **environment)
        assert done.returncode == 0, done.stderr

    def commit(self, subject: str, *merged: str) -> None:
        self.days += 1
        date = f"{BEGIN + self.days * DAY} +0000"
        words = ("merge", "--quiet", "--no-ff") if merged else ("commit", "--quiet", "--allow-empty")
        self.git(*words, "-m", subject, *merged, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)

    def season(self, name: str) -> None:
        """Two branches that part from main, one of them from the other, and come back to it."""
        for number in range(3):
            self.commit(f"{name} {number}")
        self.git("switch", "--quiet", "--create", f"{name}/pond")
        self.commit(f"Dig the {name} pond")
        self.git("switch", "--quiet", "--create", f"{name}/reeds")
        self.commit(f"Plant {name} reeds")
        self.git("switch", "--quiet", "main")
        self.commit(f"Rake in {name}")
        self.commit(f"Merge reeds of {name}", f"{name}/reeds")
        self.git("switch", "--quiet", f"{name}/pond")
        self.commit(f"Fill the {name} pond")
        self.git("switch", "--quiet", "main")
        self.commit(f"Merge pond of {name}", f"{name}/pond")
        self.git("tag", name.lower())

    def push(self, server: Server, name: str) -> None:
        server.git("push", "--quiet", server.remote(name), "--all", cwd=self.folder)
        server.git("push", "--quiet", server.remote(name), "--tags", cwd=self.folder)


def picture(graph: GraphPage, kept: Path) -> bytes:
    """The stage with lanes, rows and map as a PNG, also in the file `kept`, when nothing moves on it any more.

    No row is pointed at or chosen.
    """
    graph.settle()
    graph.page.mouse.move(2, 2)
    last, now = b"", b"-"
    while last != now:
        last, now = now, graph.page.locator(".graph-stage").screenshot(animations="disabled", caret="hide")
        graph.page.wait_for_timeout(100)
    kept.write_bytes(now)
    return now


def differing(page: Page, one: bytes, other: bytes) -> int:
    """How many dots of two pictures are not the same; counted in a page of its own."""
    if one == other:
        return 0
    counter = page.context.new_page()
    try:
        found: int = counter.evaluate(COMPARE, [b64encode(one).decode(), b64encode(other).decode()])
        return found
    finally:
        counter.close()


@pytest.mark.parametrize("look", [{"color_scheme": "light"}, {"color_scheme": "dark", "device_scale_factor": 2}])
def test_a_page_that_followed_pushes_looks_like_one_that_is_opened_now(
    open_page: Callable[..., Page],
    sign_in: Callable[[Page, Server], None],
    server: Server,
    tmp_path: Path,
    look: dict[str, str],
) -> None:
    work, name = Work(tmp_path / "work"), f"{server.admin}/{look['color_scheme']}"
    work.season("Spring")
    work.push(server, name)
    page = open_page(**look, reduced_motion="reduce")
    sign_in(page, server)
    graph = GraphPage(page, server, name).open()
    for season in ("Summer", "Autumn"):
        work.season(season)
        work.push(server, name)
        expect(graph.commit(f"Merge pond of {season}")).to_be_visible()
        expect(graph.chip(season.lower())).to_be_visible()
    followed = picture(graph, tmp_path / "followed.png")
    opened = picture(GraphPage(page, server, name).open(), tmp_path / "opened.png")
    assert differing(page, followed, opened) <= SOFT


def test_going_away_and_coming_back_changes_nothing(
    open_page: Callable[..., Page], sign_in: Callable[[Page, Server], None], server: Server, tmp_path: Path
) -> None:
    work, name = Work(tmp_path / "work"), f"{server.admin}/seasons"
    for year in range(12):
        work.season(f"Year{year}")
    work.push(server, name)
    page = open_page(reduced_motion="reduce")
    sign_in(page, server)
    graph = GraphPage(page, server, name).open()
    before = picture(graph, tmp_path / "before.png")
    graph.scroll_to(1)
    away = picture(graph, tmp_path / "away.png")
    assert differing(page, away, before) > SOFT * 10
    graph.scroll_to(0)
    assert differing(page, picture(graph, tmp_path / "back.png"), before) <= SOFT
    graph.scroll_to(1)
    assert differing(page, picture(graph, tmp_path / "again.png"), away) <= SOFT
