"""What a visitor sees of a real app at the edges of its life: just pushed, asleep, failed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support.previews import Site, app

if TYPE_CHECKING:
    from support.server import Answer

SLOW = "import time; time.sleep(1.0)"
# Tells what it was sent, and how.
ECHO = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"echo " + text)
http.server.HTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


def page(site: Site, path: str = "") -> Answer:
    return site.server.get(site.url().rstrip("/") + "/" + path, headers={"Accept": "text/html"})


def test_the_first_visitor_of_a_new_branch_never_sees_its_sources(site: Site) -> None:
    site.push({**app("the app"), "index.html": "the sources"})
    address = f"http://main-{site.name}.localhost:{site.server.port}/"
    for _ in range(5):
        assert site.server.get(address, headers={"Accept": "text/plain"}).text == "the app"


def test_a_new_branch_of_files_is_there_as_soon_as_it_is_pushed(site: Site) -> None:
    site.push({"index.html": "files"})
    assert site.server.get(f"http://main-{site.name}.localhost:{site.server.port}/").text == "files"


def test_whoever_wakes_it_sees_why_he_waits_and_then_the_app(site: Site) -> None:
    site.push(app("awake", before=SLOW))
    site.until("ready")
    site.act("sleep")
    site.until("sleeping")
    waiting = page(site)
    assert waiting.status == 503
    assert "This page turns into it." in waiting.text
    assert "hello from awake" in waiting.text  # the end of its log
    assert site.text() == "awake"  # whoever wants no page waits for it
    assert page(site).text == "awake"


def test_a_body_that_was_sent_to_a_sleeping_app_arrives(site: Site) -> None:
    site.push({"app.py": SLOW + ECHO, "gitperch.toml": "[preview]\ncommand = 'python3 app.py'\n"})
    site.until("ready")
    site.act("sleep")
    site.until("sleeping")
    body = b"x" * 300_000
    assert site.server.request("POST", site.url(), body=body).body == b"echo " + body


def test_a_visitor_wakes_the_earlier_version_where_the_newest_failed(site: Site) -> None:
    site.push(app("one"))
    site.until("ready")
    site.push(app("two", build="echo the build ends; exit 1"))
    site.until("failed")
    assert page(site).text == "one"
    site.act("sleep")
    site.until("failed")
    until = time.monotonic() + 60
    while page(site).text != "one":
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_branch_that_never_came_up_says_why(site: Site) -> None:
    site.push(app("one", build="echo the build ends; exit 1"))
    site.until("failed")
    failed = page(site)
    assert failed.status == 502
    assert "the build ends" in failed.text
    said = site.server.request("POST", site.url(), body=b"")
    assert said.status == 502
    assert "the build ends" in said.text
