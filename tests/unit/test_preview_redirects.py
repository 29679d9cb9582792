"""`_redirects`, line by line."""

from __future__ import annotations

import pytest

from gitperch_preview import redirects


def go(text: str, path: str, *, forced: bool = False) -> tuple[int, str] | None:
    return redirects.first(redirects.parse(text), path, forced=forced)


@pytest.mark.parametrize(
    ("line", "path", "expected"),
    [
        ("/a /b", "/a", (301, "/b")),
        ("/a /b", "/a/", (301, "/b")),
        ("/a /b 302", "/a", (302, "/b")),
        ("/a /b", "/a/c", None),
        ("/blog/* /news/:splat 308", "/blog/2026/x y", (308, "/news/2026/x%20y")),
        ("/blog/* /news/:splat", "/blog", (301, "/news/")),
        ("/u/:name/:at /p?at=:at&n=:name", "/u/ada/7", (301, "/p?at=7&n=ada")),
        ("/* /index.html 200", "/any/thing", (200, "/index.html")),
        ("/out https://example.com/there", "/out", (301, "https://example.com/there")),
        ("/out/* https://example.com/:splat 307", "/out/a/b", (307, "https://example.com/a/b")),
        ("/gone /gone.html 410", "/gone", (410, "/gone.html")),
        ("  # /a /b", "/a", None),
        ("/a /b 301 # moved", "/a", (301, "/b")),
    ],
)
def test_a_rule(line: str, path: str, expected: tuple[int, str] | None) -> None:
    assert go(line, path) == expected


@pytest.mark.parametrize(
    "line",
    [
        "/a //evil.example",
        "/a /\\evil.example",
        "/a http://evil.example/",
        "/a javascript:alert(1)",
        "/a https://:splat/",
        "/a/:host https://:host/",
        "/a https://user@evil.example/",
        "/a https://inside.example/secret 200",
        "/a /b 500",
        "/a /b 301 Country=at",
        "/a id=:id /b 301",
        "https://other.example/a /b",
        "/a/*/b /c",
        "/a",
        "/a https://[ 301",
    ],
)
def test_what_cannot_be_followed_is_left_out(line: str) -> None:
    assert redirects.parse(line) == ()


def test_the_first_rule_that_fits_is_followed() -> None:
    assert go("/a /one\n/a /two\n", "/a") == (301, "/one")


def test_a_rule_does_not_lead_to_itself() -> None:
    assert go("/a /a\n/a /b", "/a") == (301, "/b")


def test_forced_rules_are_told_apart() -> None:
    assert go("/a /b 301!", "/a") is None
    assert go("/a /b 301!", "/a", forced=True) == (301, "/b")


@pytest.mark.parametrize("path", ["/x//evil.example/", "/x/\\evil.example", "/x///evil.example"])
def test_a_rest_never_becomes_another_server(path: str) -> None:
    found = go("/x/* /:splat", path)
    assert found
    assert not found[1].startswith(("//", "/\\"))


def test_a_rest_brings_no_line_break_and_no_query() -> None:
    found = go("/x/* /:splat", "/x/a\r\nb?c#d")
    assert found == (301, "/a%0D%0Ab%3Fc%23d")


def test_there_is_a_limit() -> None:
    assert len(redirects.parse("/a /b\n" * 5000)) == redirects.RULE_LIMIT
