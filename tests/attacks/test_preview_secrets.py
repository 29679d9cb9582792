"""Secrets of previews: where they must not appear, and who must not change them or read what was said with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from support.deployments import collaborate, remembered
from support.server import PASSWORD
from support.visitor import Visitor

if TYPE_CHECKING:
    from support.server import Answer, Server

SECRET = "zK9-very/secret+value-41c7"
ENV = "/api/repos/alice/shop/previews/env"
PAGE = "/alice/shop/settings/previews"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    server.cli("repo", "add", "alice/shop", "--public")
    server.cli("repo", "add", "alice/other")
    for name in ("reader", "writer", "admin", "stranger"):
        server.add_user(name)
        if name != "stranger":
            collaborate(server, name, "alice/shop", {"reader": "read", "writer": "write"}.get(name, "admin"))
    return server


def put(server: Server, name: str, body: Any, user: str | None = "alice", **headers: str) -> Answer:
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.request("PUT", f"{ENV}/{name}", user=user, headers=sent, body=data)


def test_a_secret_is_nowhere_to_be_found_again(own_server: Server) -> None:
    own_server.cli("repo", "add", "alice/shop")
    alice = Visitor(own_server)
    alice.sign_in()
    assert alice.post(PAGE, {"name": "TOKEN", "value": SECRET, "secret": "1"}).status == 303
    assert put(own_server, "OTHER_TOKEN", {"value": SECRET + "-2", "secret": True}).status == 200
    said = own_server.cli("env", "set", "alice/shop", "THIRD_TOKEN", "--secret", input=SECRET + "-3\n")
    assert said == "set: THIRD_TOKEN\n"
    refused = alice.post(PAGE, {"name": "not a name", "value": SECRET, "secret": "1"})
    unticked = alice.post(PAGE, {"name": "TOKEN", "value": SECRET + "x" * 33_000})
    assert refused.status == unticked.status == 422
    path = remembered(own_server, "alice/shop", "main", secrets=(SECRET,))
    path.write_text(f"{SECRET}\nhttp://x:{quote(SECRET, safe='')}@h/\n{b64encode(SECRET.encode()).decode()}\n")
    log = own_server.get("/api/repos/alice/shop/previews/main/log", user="alice")
    assert log.text == "•••\nhttp://x:•••@h/\n•••\n"
    seen = [
        alice.get(PAGE).text,
        alice.get(f"{PAGE}?change=TOKEN").text,
        refused.text,
        unticked.text,
        own_server.get(ENV, user="alice").text,
        own_server.get(f"{ENV}/TOKEN", user="alice").text,
        own_server.cli("env", "list", "alice/shop"),
        log.text,
        own_server.get(
            "/api/repos/alice/shop/previews/main/log", user="alice", headers={"Accept": "text/event-stream"}
        ).text,
        own_server.log,
    ]
    forms = (SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode()[:24], SECRET.encode().hex())
    for number, text in enumerate(seen):
        assert "TOKEN" in text or number >= 7, number
        assert not any(form in text for form in forms), number
    # While the server runs, so that its write-ahead log is among them.
    for file in own_server.data.rglob("*"):
        if file.is_file() and file != path:
            content = file.read_bytes()
            assert not any(form.encode() in content for form in forms), file
    assert {file.name for file in own_server.data.glob("gitperch.db*")} >= {"gitperch.db", "gitperch.db-wal"}


def test_no_process_list_shows_a_value_that_comes_by_standard_input(shop: Server) -> None:
    command = [sys.executable, "-m", "gitperch", "env", "set", "alice/shop", "FROM_STDIN", "--secret"]
    process = subprocess.Popen(
        [*command, "--data", str(shop.data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=shop.environment
    )
    assert process.stdin
    process.stdin.write(SECRET.encode())
    process.stdin.flush()
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{process.pid}/{name}").read_bytes()
    out, _ = process.communicate(timeout=20)
    assert out == b"set: FROM_STDIN\n"


def test_a_log_stays_masked_when_the_secret_was_changed_and_is_refused_when_nobody_knows_it(own_server: Server) -> None:
    own_server.cli("repo", "add", "alice/shop")
    own_server.cli("env", "set", "alice/shop", f"TOKEN={SECRET}", "--secret")
    path = remembered(own_server, "alice/shop", "main", secrets=(SECRET,))
    path.write_text(f"with {SECRET}\n")
    own_server.cli("env", "set", "alice/shop", "TOKEN=another-one")
    own_server.cli("env", "unset", "alice/shop", "TOKEN")
    at = "/api/repos/alice/shop/previews/main/log"
    assert own_server.get(at, user="alice").text == "with •••\n"
    for offset in range(40):
        assert SECRET[-4:] not in own_server.get(f"{at}?from={offset}", user="alice").text
    key = own_server.data / "vault.key"
    key.write_bytes(bytes(32))
    answer = own_server.get(at, user="alice")
    assert answer.status == 500
    assert "was sealed with the key" in answer.json()["message"]
    assert SECRET[:6] not in answer.text
    with pytest.raises(AssertionError, match="was sealed with the key"):
        own_server.cli("logs", "alice/shop", "main")


def test_settings_are_for_administrators_and_logs_for_writers_of_a_public_repository_too(shop: Server) -> None:
    assert put(shop, "PLAIN", {"value": "visible"}).status == 200
    path = remembered(shop, "alice/shop", "main")
    path.write_text("private words\n")
    log = "/api/repos/alice/shop/previews/main/log"
    expected = {
        None: (401, 401),
        "stranger": (403, 403),
        "reader": (403, 403),
        "writer": (403, 200),
        "admin": (200, 200),
    }
    for user, (settings, logs) in expected.items():
        assert shop.get(ENV, user=user).status == settings, user
        assert shop.get(f"{ENV}/PLAIN", user=user).status == settings, user
        assert shop.get(log, user=user).status == logs, user
        assert shop.get(f"{log}?follow=1&from=5", user=user).status == logs if logs != 200 else True
        if settings != 200:
            assert put(shop, "PLAIN", {"value": "taken over"}, user).status == settings, user
            assert shop.request("DELETE", f"{ENV}/PLAIN", user=user).status == settings, user
    reading = shop.cli("token", "add", "admin", "--scope", "read:repository").splitlines()[-1]
    writing = shop.cli("token", "add", "admin", "--scope", "write:repository").splitlines()[-1]
    elsewhere = shop.cli("token", "add", "alice", "--repo", "alice/other").splitlines()[-1]
    for token, log_status in ((reading, 403), (writing, 200), (elsewhere, 403)):
        bearer = {"Authorization": f"Bearer {token}"}
        assert shop.get(ENV, headers=bearer).status == 403
        assert put(shop, "PLAIN", {"value": "x"}, None, Authorization=f"Bearer {token}").status == 403
        assert shop.get(log, headers=bearer).status == log_status
    for name in ("reader", "writer"):
        person = Visitor(shop)
        person.sign_in(name, PASSWORD)
        assert person.get(PAGE).status == 403
    assert shop.get(f"{ENV}/PLAIN", user="alice").json()["value"] == "visible"


def test_the_log_of_another_repository_is_not_reached_by_its_number(shop: Server) -> None:
    """Gitea CVE-2026-20912: an id of another repository was accepted."""
    theirs = remembered(shop, "alice/other", "main")
    theirs.write_text("private words\n")
    at = f"/api/repos/alice/shop/previews/main/log?deployment={theirs.stem}"
    assert shop.get(at, user="writer").status == 404
    assert shop.get("/api/repos/alice/other/previews/main/log", user="writer").status == 404
    assert shop.get("/api/repos/alice/none/previews/main/log", user="writer").status == 404


def test_another_site_cannot_set_a_variable_with_somebodys_session(shop: Server) -> None:
    alice = Visitor(shop)
    alice.sign_in()
    for origin in ("https://evil.example", "http://main-shop.localhost:8000", "null"):
        answer = put(shop, "EVIL", {"value": "x"}, None, Cookie=alice.cookie, Origin=origin)
        assert answer.status == 403, origin
        assert shop.request("DELETE", f"{ENV}/PLAIN", headers={"Cookie": alice.cookie, "Origin": origin}).status == 403
        form = {"name": "EVIL", "value": "x"}
        assert alice.post(PAGE, form, Origin=origin).status == 403
    assert alice.post(PAGE, {"name": "EVIL", "value": "x", "csrf": "0" * 32}).status == 403
    assert shop.get(f"{ENV}/EVIL", user="alice").status == 404


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("lower", {"value": "x"}, 400),
        ("A%00B", {"value": "x"}, 400),
        ("..", {"value": "x"}, 400),
        ("GITPERCH_URL", {"value": "x"}, 400),
        ("FINE", {"value": "x" * 32_769}, 400),
        ("FINE", {"value": "\ud800"}, 400),
        ("FINE", {"value": 1}, 400),
        ("FINE", {"value": "abcdef", "secret": "yes"}, 400),
        ("FINE", [], 400),
        ("FINE", b"{", 400),
        ("FINE", b"[" * 100_000, 400),
        ("FINE", b'{"value": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_what_is_no_setting_is_refused(shop: Server, name: str, body: Any, status: int) -> None:
    assert put(shop, name, body).status == status
    assert shop.get(f"{ENV}/FINE", user="alice").status == 404


def test_a_form_keeps_lines_and_a_page_shows_values_as_text(shop: Server) -> None:
    alice = Visitor(shop)
    alice.sign_in()
    value = "\n<script>alert(1)</script>\n\u202eevil\n"
    assert alice.post(PAGE, {"name": "LINES", "value": value.replace("\n", "\r\n")}).status == 303
    assert shop.get(f"{ENV}/LINES", user="alice").json()["value"] == value
    text = alice.get(PAGE).text
    assert "<script>alert" not in text
    assert "\u202e" not in text
    change = alice.get(f"{PAGE}?change=LINES").text
    assert ">\n\n&lt;script&gt;" in change
    assert alice.post(f"{PAGE}/LINES/remove", {}, page=PAGE).status == 303
    assert alice.post(f"{PAGE}/LINES/remove", {}, page=PAGE).status == 303
    assert shop.request("DELETE", f"{ENV}/LINES", user="alice").status == 404
    assert "LINES</code> removed by alice" in alice.get(PAGE).text


@pytest.mark.parametrize(("content", "said"), [(None, "There is no"), (b"a short one", "holds no key")])
def test_a_server_does_not_start_with_a_key_that_cannot_be_one(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """Rather than make another one, with which everything that is set would be lost."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    command = [sys.executable, "-m", "gitperch", "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "GITPERCH_SECRET_KEY_FILE": str(file)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        f"gitperch: {said}" if content is None else f"gitperch: {file} {said}"
    )
    assert "openssl rand -hex 32" in done.stderr
    assert not (tmp_path / "data" / "vault.key").exists()
