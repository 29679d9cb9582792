"""Private previews in a real browser: the way in, and what a neighbour's script can reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from support import chromium
from support.server import commit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext

    from support.server import Server

NEIGHBOUR = """<!doctype html><title>neighbour</title><script>
window.stolen = [];
async function steal(url) {
  await fetch(url, {credentials: "include"}).then(r => r.text()).then(t => stolen.push("fetch " + t), () => {});
  await fetch(url, {credentials: "include", mode: "no-cors"}).then(r => stolen.push("opaque " + r.type), () => {});
  await new Promise(done => {
    const script = document.createElement("script");
    script.src = url; script.onload = () => { stolen.push("script " + window.secret); done(); }; script.onerror = done;
    document.head.append(script);
  });
  const frame = document.createElement("iframe");
  frame.src = url; document.documentElement.append(frame);
  await new Promise(done => setTimeout(done, 300));
  try { stolen.push("frame " + frame.contentDocument.body.textContent); } catch {}
  return stolen.filter(text => text !== "frame " && text !== "frame null");
}
</script>"""

pytestmark = pytest.mark.skipif(not chromium.installed(), reason="chromium is not installed (apt install chromium)")


@pytest.fixture
def visitor() -> Iterator[BrowserContext]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.executable(), args=chromium.FLAGS)
        yield browser.new_context()
        browser.close()


def push(server: Server, work: Path, name: str, files: dict[str, str | bytes]) -> str:
    commit(work, files)
    server.git("push", server.remote(f"alice/{name}"), "main", cwd=work)
    return f"http://main-{name}.localhost:{server.port}"


def test_a_visitor_signs_in_and_comes_back_to_the_very_page(
    server: Server, visitor: BrowserContext, tmp_path: Path
) -> None:
    url = push(server, tmp_path, "way", {"index.html": "start", "page.html": "<h1>The page</h1>"})
    page = visitor.new_page()
    page.goto(f"{url}/page?x=1")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(server.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="The page").wait_for()
    assert page.url == f"{url}/page?x=1"
    (cookie,) = [c for c in visitor.cookies() if c["domain"] == "main-way.localhost"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.goto(f"{url}/")
    assert page.inner_text("body") == "start"


def test_row_13_a_neighbours_script_reaches_neither_the_preview_nor_the_host(
    server: Server, visitor: BrowserContext, tmp_path: Path
) -> None:
    private = push(server, tmp_path / "private", "private", {"index.html": "x", "app.js": "window.secret = 'secret'"})
    server.cli("repo", "add", "alice/neighbour", "--public")
    neighbour = push(server, tmp_path / "neighbour", "neighbour", {"index.html": NEIGHBOUR})
    page = visitor.new_page()
    page.goto(f"{private}/app.js")
    page.get_by_label("Name").fill("alice")
    page.get_by_label("Password").fill(server.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{private}/app.js")
    assert "secret" in page.inner_text("body")
    page.goto(f"{neighbour}/")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate(f"steal({private + '/app.js'!r})") == []
    for url in (f"{server.url}/account", f"{server.url}/alice/private"):
        # The browser may tell that there was an answer, never what it was.
        assert set(page.evaluate(f"steal({url!r})")) <= {"opaque opaque"}
    assert page.evaluate("window.secret") is None
