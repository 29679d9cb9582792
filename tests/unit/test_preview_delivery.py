"""Ranges, entity tags, encodings and content types, by the letter of RFC 9110."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from gitperch_preview import delivery, kinds
from gitperch_preview.delivery import Span
from gitperch_preview.keep import Kept
from gitperch_preview.sites import File

FILE = File("ab" * 20, 100, "text/plain")


def request(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-9", Span(0, 10)),
        ("bytes=90-", Span(90, 100)),
        ("bytes=-5", Span(95, 100)),
        ("bytes=-500", Span(0, 100)),
        ("bytes=50-5000", Span(50, 100)),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("bytes=-", None),
        ("lines=1-2", None),
        ("bytes=a-b", None),
        ("", None),
    ],
)
def test_a_range(asked: str, span: Span | None) -> None:
    assert delivery.requested_span(request(range=asked), FILE) == span


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=200-300", "bytes=-0"])
def test_a_range_outside_is_empty(asked: str) -> None:
    span = delivery.requested_span(request(range=asked), FILE)
    assert span
    assert span.start >= span.end


def test_if_range_needs_the_very_same_file() -> None:
    tag = f'"{FILE.oid}"'
    assert delivery.requested_span(request(range="bytes=0-1", if_range=tag), FILE)
    assert not delivery.requested_span(request(range="bytes=0-1", if_range=f"W/{tag}"), FILE)
    assert not delivery.requested_span(request(range="bytes=0-1", if_range=f'"{FILE.oid}-gzip"'), FILE)
    assert not delivery.requested_span(request(range="bytes=0-1", if_range="Sat, 21 Nov 2026 08:00:00 GMT"), FILE)
    assert not delivery.requested_span(request("HEAD", range="bytes=0-1"), FILE)


def test_if_none_match() -> None:
    assert delivery.matches('"a", W/"b"', '"b"')
    assert delivery.matches("*", '"b"')
    assert not delivery.matches('"ab"', '"b"')
    assert not delivery.matches("", '"b"')


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip, br", True),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.5", True),
        ("*", True),
        ("", False),
        ("GZIP", True),
    ],
)
def test_accept_encoding(header: str, takes: bool) -> None:
    assert delivery.accepts_gzip(header) is takes


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("A.CSS", "text/css; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("app.webmanifest", "application/manifest+json; charset=utf-8"),
        ("x.wasm", "application/wasm"),
        ("f.woff2", "font/woff2"),
        ("i.avif", "image/avif"),
        ("i.svg", "image/svg+xml; charset=utf-8"),
        ("LICENSE", None),
        ("what.everelse", None),
    ],
)
def test_content_types(name: str, kind: str | None) -> None:
    assert kinds.content_type(name) == kind


def test_an_unknown_name_is_text_or_bytes() -> None:
    assert kinds.sniffed(b"MIT License") == "text/plain; charset=utf-8"
    assert kinds.sniffed(b"\x7fELF\x00") == kinds.UNKNOWN


def test_what_is_kept_stays_within_its_room() -> None:
    kept: Kept[int, bytes] = Kept(80, weight=len)
    for number in range(20):
        kept.put(number, b"12345678")
    assert [number for number in range(20) if kept.get(number)] == list(range(10, 20))
    kept.put(50, b"x" * 11)
    assert kept.get(50) is None
    kept.put(51, b"y", seconds=-1)
    assert kept.get(51) is None
