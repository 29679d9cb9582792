"""An error in the form that whoever asked can read; and the files that every page loads."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import pytest

from gitperch.pages.filters import ago, relative
from support.visitor import Visitor

if TYPE_CHECKING:
    from support.server import Server


def test_the_api_gets_json_with_a_code(server: Server) -> None:
    answer = server.get("/api/nothing-like-this")
    assert answer.status == 404
    assert answer.json()["code"] == "not_found"
    assert "/api/nothing-like-this" in answer.json()["message"]


def test_git_gets_a_sentence_and_a_challenge(server: Server) -> None:
    answer = server.get("/alice/none.git/info/refs?service=git-upload-pack", headers={"User-Agent": "git/2.39"})
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="Gitperch"')
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_browser_gets_a_page_and_no_password_dialog(server: Server) -> None:
    answer = Visitor(server).get("/alice/none/tree/a b?q=1&r=2".replace(" ", "%20"))
    assert answer.status == 303
    assert answer.headers["location"] == "/signin?next=/alice/none/tree/a%20b%3Fq%3D1%26r%3D2"
    assert "www-authenticate" not in answer.headers
    missing = Visitor(server).get("/alice/none/no/such/page")
    assert missing.status == 404
    assert "Nothing here" in missing.text


def test_a_page_script_is_not_challenged(server: Server) -> None:
    answer = server.get("/api/repos/alice/none/graph", headers={"Sec-Fetch-Mode": "cors"})
    assert answer.status in (401, 404)
    assert "www-authenticate" not in answer.headers


def test_a_method_that_is_not_answered_is_405(server: Server) -> None:
    assert server.request("DELETE", "/signin").status == 405


@pytest.mark.parametrize("path", ["/..%2f..%2fetc/passwd", "/a%00b/c", "/%ff%fe/x", "/" + "a" * 3000, "/api"])
def test_odd_addresses_are_errors_of_the_caller(server: Server, path: str) -> None:
    assert Visitor(server).get(path).status in (303, 400, 401, 404)


def test_forms_are_read_within_limits(server: Server) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert server.request("POST", "/signin", body=b"x" * 70_000, headers=kind).status == 413
    assert server.request("POST", "/signin", body=b"&".join(b"a=1" for _ in range(200)), headers=kind).status == 400
    assert server.request("POST", "/signin", body=b"\xff=\xfe", headers=kind).status == 400
    assert server.request("POST", "/signin", body=b"{}", headers={"Content-Type": "application/json"}).status == 400


def test_every_asset_of_a_page_is_there_packed_and_kept_for_ever(server: Server) -> None:
    visitor = Visitor(server)
    addresses = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', visitor.get("/signin").text))
    assert len(addresses) >= 3
    total = len(visitor.get("/signin", Accept_Encoding="gzip").body)
    for address in addresses:
        answer = visitor.get(address, Accept_Encoding="gzip")
        assert answer.status == 200, address
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        total += len(answer.body)
    assert total < 100_000, f"a page is {total} bytes compressed"
    style = next(address for address in addresses if address.endswith(".css"))
    css = gzip.decompress(visitor.get(style, Accept_Encoding="gzip").body).decode()
    assert css.startswith("@layer reset, base, components, utilities;")
    assert "@import" not in css
    outdated = re.sub(r"/assets/\w+", "/assets/0000", style)
    assert visitor.get(outdated).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "css/../templates/base.html",
        "templates/base.html",
        "css/nothing.css",
        "css",
        "css/" + "a" * 300 + ".css",
        "css/%00.css",
        "../pyproject.toml",
    ],
)
def test_nothing_but_assets_is_served_as_one(server: Server, path: str) -> None:
    assert server.get(f"/assets/0000/{path}").status == 404


def test_the_dark_theme_by_system_and_by_choice_is_the_same(server: Server) -> None:
    style = re.search(r'href="(/assets/[^"]+css/main.css)"', Visitor(server).get("/signin").text)
    assert style
    css = server.get(style[1]).text
    by_system = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', css, re.DOTALL)
    by_choice = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL)
    assert by_system
    assert by_choice
    assert by_system[1].split() == by_choice[1].split()


def test_the_chosen_theme_is_in_the_first_byte(server: Server) -> None:
    visitor = Visitor(server, cookie="theme=dark")
    assert '<html lang="en" data-theme="dark">' in visitor.get("/signin").text
    visitor.cookie = 'theme="><script>'
    assert '<html lang="en">' in visitor.get("/signin").text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (61, "1 minute ago"),
        (7200, "2 hours ago"),
        (51 * 86400, "51 days ago"),
        (70 * 86400, "2 months ago"),
        (700 * 86400, "22 months ago"),
        (1500 * 86400, "4 years ago"),
        (-3 * 86400, "in 3 days"),
    ],
)
def test_times_are_relative(seconds: int, text: str) -> None:
    assert relative(1e9 - seconds, 1e9) == text


def test_times_out_of_the_calendar_do_not_break_a_page() -> None:
    assert ago(10**20) == f"<time>{10**20}</time>"
    assert "1969" in ago(-1)
    assert ago(None) == "never"
