"""The graph for people without an account, and in frames and READMEs on other sites."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from support.graph_page import GraphPage
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from browser.conftest import Complaints
    from support.server import Server


@pytest.fixture
def work(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A work tree whose origin is public, with the test's name."""
    folder = tmp_path / "work"
    for number in range(5):
        commit(folder, {"notes.txt": f"{number}\n"}, f"Note {number}")
    name = f"alice/{request.node.name.replace('_', '-')[:60]}"
    server.cli("repo", "add", name, "--public", "--from", str(folder / ".git"))
    server.git("remote", "add", "origin", server.remote(name), cwd=folder)
    return folder


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return f"alice/{request.node.name.replace('_', '-')[:60]}"


@pytest.fixture
def elsewhere() -> Iterator[Callable[[str], str]]:
    """Serves a page with this body on another origin; its address."""
    bodies = [""]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"<!doctype html><link rel=icon href=data:,>{bodies[0]}".encode())

        def log_message(self, *_: object) -> None:
            pass

    site = ThreadingHTTPServer(("127.0.0.2", 0), Handler)  # Chromium opens connections that it says nothing on
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()

    def serve(body: str) -> str:
        bodies[0] = body
        return f"http://127.0.0.2:{site.server_port}/"

    yield serve
    site.shutdown()
    site.server_close()
    thread.join()


def test_a_frame_on_another_site_follows_what_is_pushed(
    page: Page, server: Server, work: Path, name: str, elsewhere: Callable[[str], str]
) -> None:
    page.goto(elsewhere(f'<iframe width="900" height="420" src="{server.url}/{name}/graph/embed"></iframe>'))
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("listitem")).to_have_count(5)
    expect(frame.get_by_role("listitem").first).to_contain_text("Note 4")
    expect(frame.get_by_role("status")).to_have_text("Live")
    commit(work, {"notes.txt": "new"}, "From somewhere else")
    server.git("push", "--quiet", "origin", "HEAD:main", cwd=work)
    expect(frame.get_by_role("listitem").first).to_contain_text("From somewhere else")
    expect(frame.get_by_text("6 commits")).to_be_visible()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name=name).click()
    whole = GraphPage(opened.value, server, name)
    expect(whole.row(1)).to_contain_text("From somewhere else")


def test_no_other_page_can_be_framed(
    page: Page, server: Server, work: Path, name: str, elsewhere: Callable[[str], str], complaints: Complaints
) -> None:
    complaints.expect("frame-ancestors", "Failed to load resource", "Refused to frame")
    page.goto(elsewhere(f'<iframe src="{server.url}/{name}"></iframe>'))
    until = time.monotonic() + 60
    while not any("frame-ancestors" in text or "Refused to frame" in text for text in complaints.heard):
        assert time.monotonic() < until, complaints.heard
        page.wait_for_timeout(50)
    expect(page.frame_locator("iframe").get_by_text("Note 4")).to_have_count(0)
    assert not [frame for frame in page.frames if frame.url.startswith(server.url)]


def test_the_picture_is_drawn_in_an_image(
    page: Page, server: Server, work: Path, name: str, elsewhere: Callable[[str], str]
) -> None:
    page.goto(elsewhere(f'<img src="{server.url}/{name}/graph.svg?rows=5&width=640">'))
    image = page.locator("img")
    expect(image).to_be_visible()
    page.wait_for_function("document.querySelector('img').complete")
    assert image.evaluate("(it) => [it.naturalWidth, it.naturalHeight]") == [640, 44 + 5 * 28 + 12]


def test_anybody_may_look_at_a_public_graph(page: Page, server: Server, work: Path, name: str) -> None:
    graph = GraphPage(page, server, name).open()
    assert graph.subjects() == [f"Note {number}" for number in (4, 3, 2, 1, 0)]
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    expect(page.get_by_role("link", name="New repository")).to_have_count(0)
    graph.row(2).click()
    expect(graph.details).to_contain_text("Note 3")


def test_share_has_what_to_put_elsewhere(page: Page, server: Server, work: Path, name: str) -> None:
    GraphPage(page, server, name).open()
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share this graph")
    expect(dialog).to_contain_text(f"{server.url}/{name}/graph.svg")
    expect(dialog).to_contain_text(f'<iframe src="{server.url}/{name}/graph/embed"')
    expect(dialog.get_by_role("img")).to_be_visible()
    copied = [button.get_attribute("data-copy") for button in dialog.get_by_role("button", name="Copy").all()]
    assert copied[0] == f"{server.url}/{name}"
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_of_a_private_repository_only_the_address_is_shared(signed_in: Page, server: Server, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(work, {"a": "1"}, "Behind the hedge")
    server.git("push", "--quiet", server.remote("alice/hedged"), "HEAD:main", cwd=work)
    GraphPage(signed_in, server, "alice/hedged").open()
    signed_in.get_by_role("button", name="Share").click()
    dialog = signed_in.get_by_role("dialog", name="Share this graph")
    expect(dialog).to_contain_text(f"{server.url}/alice/hedged")
    expect(dialog).not_to_contain_text("iframe")
    expect(dialog).to_contain_text("Pictures and frames are for public ones")
