"""Service workers of previews: one that answers everything from what it has kept does not outlive its preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from support.server import Server

PAGE = """<!doctype html><title>An app</title><link rel="icon" href="data:,"><h1>An app that works offline</h1><script>
window.held = navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready).then(
  () => navigator.serviceWorker.controller || new Promise(
    (done) => navigator.serviceWorker.addEventListener("controllerchange", done))).then(() => true);
</script>"""
# Cache first, for ever, and nothing else.
WORKER = """
self.addEventListener("install", (event) => event.waitUntil(
  caches.open("all").then((cache) => cache.addAll(["/"])).then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => event.respondWith(
  caches.match(event.request, { ignoreSearch: true }).then((kept) => kept || caches.match("/"))));
"""


def test_a_worker_that_answers_everything_goes_with_its_preview(page: Page, server: Server, tmp_path: Path) -> None:
    server.cli("repo", "add", "alice/offline", "--public")
    commit(tmp_path, {"index.html": PAGE, "worker.js": WORKER})
    server.git("push", server.remote("alice/offline"), "main", "main:app", cwd=tmp_path)
    address = f"http://app-offline.localhost:{server.port}"
    page.goto(f"{address}/")
    assert page.evaluate("held")
    page.goto(f"{address}/whatever")
    assert page.inner_text("h1") == "An app that works offline"  # the worker holds it: there is no such file

    server.git("push", server.remote("alice/offline"), ":app", cwd=tmp_path)
    page.goto(f"{address}/", wait_until="commit")  # what ends the worker may load the page anew before it is whole
    # As long as the worker is there it shows the app; then the page is loaded anew, and leads where all that is not there does.
    page.wait_for_url(f"{server.url}/**")
    page.get_by_label("Password").wait_for()
    page.goto(f"{address}/whatever")
    assert page.url.startswith(server.url)


def test_an_app_in_the_same_place_later_is_not_hidden_by_the_worker_of_before(
    page: Page, server: Server, tmp_path: Path
) -> None:
    server.cli("repo", "add", "alice/again", "--public")
    commit(tmp_path, {"index.html": PAGE, "worker.js": WORKER})
    server.git("push", server.remote("alice/again"), "main", "main:app", cwd=tmp_path)
    address = f"http://app-again.localhost:{server.port}"
    page.goto(f"{address}/")
    assert page.evaluate("held")
    server.git("push", server.remote("alice/again"), ":app", cwd=tmp_path)
    page.goto(f"{address}/", wait_until="commit")
    page.wait_for_url(f"{server.url}/**")
    git("rm", "-q", "worker.js", cwd=tmp_path)
    commit(tmp_path, {"index.html": '<link rel="icon" href="data:,"><h1>Something else</h1>'})
    server.git("push", server.remote("alice/again"), "main:app", cwd=tmp_path)
    page.goto(f"{address}/")
    assert page.inner_text("h1") == "Something else"
