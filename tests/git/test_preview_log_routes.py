"""Logs of previews over HTTP and by `gitperch logs`: from any offset, followed while they grow, across a restart of the server."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.deployments import change_state, give, remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.server import Server

BRANCH = "feature/cart/log"


@pytest.fixture(scope="module")
def shop(server: Server) -> Server:
    server.cli("repo", "add", "alice/shop", "--public")
    return server


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


class Following:
    """What the server sends of a log, as it comes."""

    def __init__(self, server: Server, path: str, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
        login = b64encode(f"{server.admin}:{server.password}".encode()).decode()
        sent = {"Authorization": f"Basic {login}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        self._connection.request("GET", path, headers=sent)
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.text = ""
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self.answer.read1(65536):
                self.text += data.decode()
        except (OSError, http.client.HTTPException):
            self.text += "<cut>"
        self.ended.set()

    def until(self, text: str, seconds: float = 60) -> str:
        limit = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < limit, self.text
            time.sleep(0.02)
        return self.text

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)
        self.answer.close()
        self._connection.close()


@pytest.fixture
def followed() -> Iterator[Callable[..., Following]]:
    """Begins to follow a log; at the end of the test all that did let go."""
    begun: list[Following] = []

    def begin(server: Server, path: str, **headers: str) -> Following:
        begun.append(Following(server, path, **headers))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def test_a_log_is_text_from_any_offset_of_the_newest_deployment_or_any_other(shop: Server) -> None:
    old = remembered(shop, "alice/shop", BRANCH, "stopped")
    append(old, "the old one\n")
    new = remembered(shop, "alice/shop", BRANCH)
    append(new, "one\ntwo\n\x1b[31mthree\x1b[0m\x07\n")
    at = f"/api/repos/alice/shop/previews/{BRANCH}/log"
    answer = shop.get(at, user="alice")
    assert answer.text == "one\ntwo\nthree\n"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-gitperch-deployment"] == new.stem
    assert shop.get(f"{at}?from=4", user="alice").text == "two\nthree\n"
    assert shop.get(f"{at}?from=999", user="alice").text == ""
    assert shop.get(f"{at}?lines=1", user="alice").text == "three\n"
    assert shop.get(f"{at}?deployment={old.stem}", user="alice").text == "the old one\n"
    name = shop.get(f"{at}?download=1", user="alice").headers["content-disposition"]
    assert name == f'attachment; filename="shop-feature-cart-log-{new.stem}.log"'
    assert shop.request("HEAD", at, user="alice").body == b""
    encoded = at.replace(BRANCH, BRANCH.replace("/", "%2F"))
    assert shop.get(encoded, user="alice").text == "one\ntwo\nthree\n"
    new.unlink()
    assert shop.get(at, user="alice").text == ""


def test_what_cannot_be_answered_is_said(shop: Server) -> None:
    remembered(shop, "alice/shop", "odd")
    at = "/api/repos/alice/shop/previews/odd/log"
    for name in ("from", "deployment", "lines", "follow"):
        for value in ("-1", "x", "1.5", "9" * 16, "%D9%A1"):
            answer = shop.get(f"{at}?{name}={value}", user="alice")
            assert answer.status == 400, (name, value)
            assert answer.json()["field"] == name
    for place in ("nothing/log", f"odd/log?deployment={10**9}", "../odd/log", "log"):
        answer = shop.get(f"/api/repos/alice/shop/previews/{place}", user="alice")
        assert answer.status == 404, place


def test_a_log_is_followed_until_its_deployment_ends(shop: Server, followed: Callable[..., Following]) -> None:
    path = remembered(shop, "alice/shop", "live")
    append(path, "-----> Building\n")
    following = followed(shop, "/api/repos/alice/shop/previews/live/log?follow=1")
    following.until("-----> Building\n")
    append(path, "       half a li")
    following.until("half a li")
    append(path, "ne\n")
    following.until("half a line\n")
    assert not following.ended.is_set()
    append(path, "the last words\n")
    change_state(shop, int(path.stem), "failed")
    assert following.ended.wait(60)
    assert following.text == "-----> Building\n       half a line\nthe last words\n"


def test_whoever_follows_from_the_beginning_sees_no_secret_that_was_given_later(
    shop: Server, followed: Callable[..., Following]
) -> None:
    path = remembered(shop, "alice/shop", "late", "queued")
    following = followed(shop, "/api/repos/alice/shop/previews/late/log?follow=1")
    append(path, "waiting\n")
    following.until("waiting\n")
    give(shop, path, "hunter2hunter2")
    append(path, "hunter2hunter2 is known\n")
    assert following.until("is known\n") == "waiting\n••• is known\n"


def test_a_browser_goes_on_by_itself_where_it_was_after_the_server_was_restarted(
    own_server: Server, followed: Callable[..., Following]
) -> None:
    own_server.cli("repo", "add", "alice/shop")
    path = remembered(own_server, "alice/shop", "live")
    at = "/api/repos/alice/shop/previews/live/log?follow=1"
    append(path, "one\n\x1b[32mgreen\x1b[0m\n\n\x1b[2Jtwo\n")
    first = followed(own_server, at, Accept="text/event-stream")
    text = first.until("two")
    assert first.answer.headers["content-type"] == "text/event-stream"
    size = path.stat().st_size
    assert text == f"id: {path.stem}:{size}\ndata: one\ndata: \x1b[32mgreen\x1b[0m\ndata: \ndata: two\ndata: \n\n"
    begun = time.monotonic()
    own_server.stop()
    assert time.monotonic() - begun < 4, "an open log held the server up"
    assert first.ended.wait(60)
    assert "event: end" not in first.text
    append(path, "said meanwhile\n")
    own_server.start()
    second = followed(own_server, at, Accept="text/event-stream", Last_Event_ID=f"{path.stem}:{size}")
    second.until("said meanwhile")
    assert "one" not in second.text
    change_state(own_server, int(path.stem), "stopped")
    assert second.ended.wait(60)
    assert second.text.endswith("event: end\ndata: stopped\n\n")
    other = followed(
        own_server, at.removesuffix("?follow=1"), Accept="text/event-stream", Last_Event_ID=f"{int(path.stem) + 7}:3"
    )
    other.until("event: end")
    assert "data: one" in other.text


def test_a_follower_who_leaves_is_let_go(shop: Server, followed: Callable[..., Following]) -> None:
    path = remembered(shop, "alice/shop", "left")
    append(path, "hello\n")
    before = _open_files(shop)
    followers = [followed(shop, "/api/repos/alice/shop/previews/left/log?follow=1") for _ in range(5)]
    for each in followers:
        each.until("hello")
    assert _open_files(shop, path) == 5
    for each in followers:
        each.close()
    limit = time.monotonic() + 60
    while _open_files(shop, path) or _open_files(shop) > before + 2:
        assert time.monotonic() < limit
        time.sleep(0.05)


def _open_files(server: Server, which: Path | None = None) -> int:
    assert server.process
    links = []
    for each in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(each.readlink())
    return sum(which is None or link == which for link in links)


@pytest.fixture
def command(shop: Server) -> list[str]:
    return [sys.executable, "-m", "gitperch", "logs", "alice/shop", "cli", "--data", str(shop.data)]


def test_the_command_line_shows_and_follows_beside_a_running_server(shop: Server, command: list[str]) -> None:
    with pytest.raises(AssertionError, match="There is no log of 'cli' in alice/shop"):
        shop.cli("logs", "alice/shop", "cli")
    with pytest.raises(AssertionError, match="There is no repository 'alice/none'"):
        shop.cli("logs", "alice/none", "cli")
    old = remembered(shop, "alice/shop", "cli", "stopped")
    append(old, "the old one\n")
    path = remembered(shop, "alice/shop", "cli", secrets=("hunter2hunter2",))
    append(path, "one\ntwo \x1b[1mhunter2hunter2\x1b[0m\nthree\n")
    assert shop.cli("logs", "alice/shop", "cli") == "one\ntwo •••\nthree\n"
    assert shop.cli("logs", "alice/shop", "cli", "-n", "2") == "two •••\nthree\n"
    assert shop.cli("logs", "alice/shop", "cli", "--deployment", old.stem) == "the old one\n"
    process = subprocess.Popen([*command, "-f", "-n", "1"], stdout=subprocess.PIPE, text=True, env=shop.environment)
    assert process.stdout
    assert process.stdout.readline() == "three\n"
    append(path, "hunter2")
    time.sleep(0.5)
    append(path, "hunter2 again\n")
    assert process.stdout.readline() == "••• again\n"
    change_state(shop, int(path.stem), "stopped")
    assert process.communicate(timeout=10)[0] == ""
    assert process.returncode == 0


def test_the_command_line_ends_quietly_when_nobody_reads_on(shop: Server, command: list[str]) -> None:
    path = remembered(shop, "alice/shop", "cli")
    append(path, "line\n" * 100_000)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shop.environment)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "line\n"
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
