"""An app reaches its own origin and no further, and is told nothing that its visitor made up about the address it was asked under."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from gitperch_preview.gateway import headers
from gitperch_preview.gateway.headers import own_data
from support.apps import AppServer, with_thing
from support.upstream import Line, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    yield from with_thing(tmp_path_factory.mktemp("apps"))


def echo(line: Line, head: bytes) -> None:
    line.answer(json.dumps({"head": head.decode("latin-1")}).encode())


def asked(apps: AppServer, host: str, path: str = "/", *fields: str) -> bytes:
    """What comes back for a GET, to its end."""
    lines = "".join(f"{field}\r\n" for field in ("Connection: close", *fields))
    with socket.create_connection(("127.0.0.1", apps.port), 20) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n".encode("latin-1"))
        said = b""
        while piece := line.recv(65536):
            said += piece
        return said


@pytest.mark.parametrize(
    "rest",
    [":8000@evil.example", ":x@evil.example", ":80:80", ":", ":/evil", ":1000000", ": 80", "/", "@evil", ":80,evil"],
)
def test_no_address_is_made_up_in_what_follows_the_name(apps: AppServer, rest: str) -> None:
    """An app that makes links of its host (to set a new password, say) would have them lead elsewhere."""
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        said = asked(apps, f"main-thing.localhost{rest}")
        assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 421 ")), said
        assert app.heads == []


@pytest.mark.parametrize("name", ["main-thing.localhost", "MAIN-thing.LOCALHOST:8000", "main-thing.localhost."])
def test_the_same_name_in_other_words_is_the_same_preview(apps: AppServer, name: str) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        assert asked(apps, name).startswith(b"HTTP/1.1 200 ")
        assert f"host: {name}\r\n".encode() in app.heads[0]


def test_an_app_is_asked_for_nothing_but_messages(apps: AppServer) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        with socket.create_connection(("127.0.0.1", apps.port), 20) as line:
            line.sendall(b"CONNECT / HTTP/1.1\r\nHost: main-thing.localhost\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 400 ")
        assert app.heads == []


def test_no_path_of_the_hosts_own_hides_one_of_an_app(apps: AppServer) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for path in (
            "/healthz",
            "/metrics",
            "/preview-ask?domain=main-thing.localhost",
            "/alice/thing/info/refs",
            "/api/repos",
        ):
            asked(apps, "main-thing.localhost", path)
        assert [head.split()[1] for head in app.heads][:1] == [b"/healthz"]
        assert len(app.heads) == 5
    assert asked(apps, "anything.example", "/healthz").endswith(b"ok\n")


def test_row_20_no_name_for_a_visitors_address_is_the_clients_to_give(apps: AppServer) -> None:
    names = (
        "Client-IP",
        "X-Cluster-Client-IP",
        "CF-Connecting-IP",
        "Fastly-Client-IP",
        "X-Forwarded",
        "Forwarded-For",
        "Via",
        "X_Client_IP",
    )
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for way in ("X-Long: 1", f"X-Long: {'x' * 17000}"):
            said = asked(apps, "main-thing.localhost", "/", *(f"{name}: 6.6.6.6" for name in names), way)
            assert said.startswith(b"HTTP/1.1 200 ")
            assert b"6.6.6.6" not in said


def test_row_13_an_app_does_not_clear_the_cookies_of_the_host(apps: AppServer) -> None:
    """`Clear-Site-Data: "cookies"` is about all names below a registered domain, which the host may well have too."""
    assert (
        own_data(b'"cookies"') == own_data(b'"*"') == own_data(b"*") == own_data(b'"\\cookies"') == own_data(b"") == b""
    )
    assert own_data(b'"cache", "cookies","storage" , "*"') == b'"cache", "storage"'

    def logout(line: Line, head: bytes) -> None:
        assert head
        line.answer(b"bye", b'Clear-Site-Data: "cookies", "cache"', b'CLEAR-SITE-DATA: "*"')

    with serving(logout) as app:
        apps.say("main", "ready", app.port)
        said = asked(apps, "main-thing.localhost").lower()
        assert said.count(b"clear-site-data") == 1
        assert b'clear-site-data: "cache"\r\n' in said


def test_what_strangers_call_their_fields_is_not_kept() -> None:
    kept = dict(headers._asked)
    try:
        headers._asked.clear()
        for number in range(2000):
            headers._kind(headers._asked, headers._asked_kind, b"x%d" % number + b"-" * (number % 2 * 1000))
        assert len(headers._asked) <= 1000
        assert max(map(len, headers._asked)) <= 64
    finally:
        headers._asked.clear()
        headers._asked.update(kept)
