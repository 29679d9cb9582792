"""Requests for a branch with an app go to the app and come back, whichever way they take through the server."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from support.apps import AppServer, with_thing
from support.previews import wait
from support.upstream import Line, Upstream, saying, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = {"Connection": "Keep-Alive, X-Long"}
"""What makes a request take the long way."""


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    yield from with_thing(tmp_path_factory.mktemp("apps"), GITPERCH_PREVIEWS_ANSWER_SECONDS="1")


@pytest.fixture(params=["short", "long"])
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    return LONG if request.param == "long" else {}


class Client(http.client.HTTPConnection):
    """A kept connection to the preview of `main`."""

    def __init__(self, apps: AppServer) -> None:
        super().__init__("127.0.0.1", apps.port, timeout=20)
        self.name = f"main-thing.localhost:{apps.port}"

    def ask(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        self.request(
            method,
            path,
            body,
            {"Host": self.name, **(headers or {})},
            encode_chunked=not isinstance(body, bytes | None),
        )
        answer = self.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.fixture
def client(apps: AppServer) -> Iterator[Client]:
    client = Client(apps)
    yield client
    client.close()


def echo(line: Line, head: bytes) -> None:
    body = line.body(head)
    said = {"head": head.decode("latin-1"), "body": body.decode("latin-1")}
    line.answer(json.dumps(said).encode(), b"Content-Type: application/json")


def test_a_request_and_its_answer_arrive_as_they_were_sent(
    apps: AppServer, client: Client, way: dict[str, str]
) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        headers = way | {"X-Mine": "a b", "Accept": "*/*", "X_Under": "1"}
        status, got, body = client.ask("GET", "/a%20b/%C3%BC?q=1&r=%00", None, headers)
        head = json.loads(body)["head"]
        assert (status, got["content-type"], "transfer-encoding" in got) == (200, "application/json", False)
        assert head.startswith("GET /a%20b/%C3%BC?q=1&r=%00 HTTP/1.1\r\n")
        for line in (f"host: {client.name}", "x-mine: a b", "x_under: 1", "x-forwarded-proto: http"):
            assert f"\r\n{line}\r\n" in head
        assert f"x-forwarded-host: {client.name}\r\n" in head
        assert "x-forwarded-for: 127.0.0.1\r\n" in head


@pytest.mark.parametrize("size", [0, 1, 3000, 1 << 20])
def test_bodies_of_both_framings_arrive_whole(apps: AppServer, client: Client, way: dict[str, str], size: int) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        body = b"x" * size
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert len(json.loads(client.ask(method, "/", body, way)[2])["body"]) == size
        pieces = iter([body[: size // 2], body[size // 2 :]])
        said = json.loads(client.ask("POST", "/", pieces, way | {"Transfer-Encoding": "chunked"})[2])
        assert len(said["body"]) == size
        assert "transfer-encoding: chunked" in said["head"]


def test_the_connection_to_the_app_is_kept(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for _ in range(20):
            assert client.ask("GET", "/", None, way)[0] == 200
        assert (app.connections, len(app.heads)) == (1, 20)


def test_an_answer_comes_as_it_is_made(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    """Server-sent events: nothing is held until there is enough of it."""
    more, gone = threading.Event(), threading.Event()

    def respond(line: Line, head: bytes) -> None:
        line.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            more.wait(60)
            more.clear()
            line.say(b"9\r\ndata: %d\n\n\r\n" % number)
        assert line.socket.recv(1) == b""  # the client leaves, and so does the gateway
        gone.set()

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        client.request("GET", "/events", headers={"Host": client.name, **way})
        answer = client.getresponse()
        assert answer.status == 200
        for number in range(3):
            more.set()
            assert answer.read(9) == b"data: %d\n\n" % number
        answer.close()
        client.close()
        assert gone.wait(60)


def test_an_upload_is_passed_on_while_it_comes(apps: AppServer, client: Client) -> None:
    seen: list[bytes] = []
    first = threading.Event()

    def respond(line: Line, head: bytes) -> None:
        seen.append(line.exactly(5))
        first.set()
        seen.append(line.exactly(5))
        line.answer(b"ok")

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        client.putrequest("POST", "/upload", skip_host=True)
        client.putheader("Host", client.name)
        client.putheader("Content-Length", "10")
        client.endheaders(b"first")
        assert first.wait(60)
        client.send(b"later")
        assert client.getresponse().read() == b"ok"
        assert seen == [b"first", b"later"]


def test_neither_body_is_held_in_memory(apps: AppServer, client: Client) -> None:
    """A client that takes nothing makes the app wait, and an app that takes nothing makes the client wait."""
    sent = 0
    stopped = threading.Event()

    def respond(line: Line, head: bytes) -> None:
        nonlocal sent
        line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n")
        line.socket.settimeout(2)
        try:
            while True:
                line.say(b"x" * 100_000)
                sent += 100_000
        except TimeoutError:
            stopped.set()

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        client.request("GET", "/large", headers={"Host": client.name})
        answer = client.getresponse()
        assert answer.status == 200
        assert stopped.wait(60)
        assert sent < 40 << 20  # what the kernel's own buffers take
        client.close()


def test_an_upload_that_the_app_does_not_take_makes_the_client_wait(apps: AppServer, client: Client) -> None:
    over = threading.Event()

    def respond(line: Line, head: bytes) -> None:
        over.wait(60)

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        client.putrequest("POST", "/upload", skip_host=True)
        client.putheader("Host", client.name)
        client.putheader("Content-Length", "300000000")
        client.endheaders()
        assert client.sock
        client.sock.settimeout(0.8)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100 << 20:
                sent += client.sock.send(b"x" * 100_000)
        assert 0 < sent < 40 << 20
        over.set()
        client.close()


def test_paths_of_the_gateway_never_reach_an_app(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    with serving(echo) as app:
        apps.say("main", "ready", app.port)
        for path in (
            "/.gitperch/x",
            "/%2Egitperch/state/",
            "/.gitperch/",
            "/.gitperch/enter?pass=x",
            "/.gitperch/share?key=x",
        ):
            assert client.ask("GET", path, None, way)[0] in (403, 404), path
        assert json.loads(client.ask("GET", "/.gitperch/state", None, way)[2])["ready"] is True
        assert app.heads == []


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nend", 200, b"end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno", 404, b"no"),
        (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\nno", 200, b"no"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n", 200,
         b"abc0123456789"),
    ],
)  # fmt: skip
def test_answers_of_every_framing(
    apps: AppServer, client: Client, way: dict[str, str], said: bytes, status: int, body: bytes
) -> None:
    with saying(said) as app:
        apps.say("main", "ready", app.port)
        for _ in range(2):
            assert client.ask("GET", "/", None, way)[::2] == (status, body)


def test_a_chunked_answer_may_come_byte_by_byte(apps: AppServer, client: Client) -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nA: b\r\n\r\n"

    def respond(line: Line, head: bytes) -> None:
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in said:
            line.say(bytes([byte]))
            time.sleep(0.001)

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        for _ in range(2):
            assert client.ask("GET", "/")[2] == b"abcde"
        assert app.connections == 1


def test_head_has_the_length_and_no_body(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    with saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", closes=False) as app:
        apps.say("main", "ready", app.port)
        for _ in range(3):
            status, got, body = client.ask("HEAD", "/", None, way)
            assert (status, got["content-length"], body) == (200, "5", b"")
        assert app.connections == 1


def test_expect_100_continue_is_answered_and_not_passed_on(apps: AppServer) -> None:
    with serving(echo) as app, socket.create_connection(("127.0.0.1", apps.port), 20) as line:
        apps.say("main", "ready", app.port)
        host = f"main-thing.localhost:{apps.port}"
        line.sendall(f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n".encode())
        assert line.recv(1000).startswith(b"HTTP/1.1 100")
        line.sendall(b"ok")
        said = b""
        while b"ok" not in said:
            said += line.recv(10000)
        assert b'"body": "ok"' in said
        assert b"expect" not in app.heads[0]


def test_a_kept_connection_that_the_app_has_closed_is_not_noticed(apps: AppServer, client: Client) -> None:
    def work(line: Line) -> None:
        if line.head():
            line.answer(b"once")
            line.head()  # the second request is taken and never answered
            line.socket.shutdown(socket.SHUT_RDWR)

    with Upstream(work) as app:
        apps.say("main", "ready", app.port)
        for _ in range(4):
            assert client.ask("GET", "/")[2] == b"once"
        # What may not be done twice goes over a connection of its own at once.
        assert client.ask("POST", "/", b"")[2] == b"once"


def test_errors_of_the_app_are_told_as_502_and_504(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    page = way | {"Accept": "text/html"}
    with saying(b"") as app:
        apps.say("main", "ready", app.port, log=["npm start", "\x1b[31mError: no <database>\x1b[0m"])
        time.sleep(0.3)  # a log's end is looked at four times a second
        status, got, body = client.ask("GET", "/", None, page)
        assert (status, got["cache-control"]) == (502, "no-store")
        assert b"Error: no &lt;database&gt;\n" in body.replace(b"</pre>", b"\n")
        assert client.ask("POST", "/", b"x", way)[2].startswith(b"The app gave no answer. It was asked, and it closed")
    answers = threading.Event()

    def hang(line: Line) -> None:
        answers.wait(60)

    with Upstream(hang) as app:
        apps.say("main", "ready", app.port)
        began = time.monotonic()
        status, _, body = client.ask("GET", "/", None, page)
        assert status == 504
        assert b"did not answer in time" in body
        assert 0.9 < time.monotonic() - began < 30
        answers.set()
    # Nothing listens there any more.
    assert client.ask("GET", "/", None, page)[0] == 502
    assert apps.told[-1].startswith("unreachable main 1 True")


def test_an_answer_that_breaks_off_is_not_taken_for_whole(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    for said in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nno size\r\n",
    ):
        with saying(said) as app:
            apps.say("main", "ready", app.port)
            with pytest.raises(http.client.IncompleteRead):
                client.ask("GET", "/", None, way)
            client.close()


def test_the_answer_may_come_before_the_body_is_there(apps: AppServer, client: Client) -> None:
    def respond(line: Line, head: bytes) -> None:
        if head.startswith(b"GET"):
            return line.answer(b"next")
        line.exactly(5)
        line.answer(b"too large", status=b"413 Too Large")
        return time.sleep(0.2)

    with serving(respond) as app:
        apps.say("main", "ready", app.port)
        client.putrequest("POST", "/upload", skip_host=True)
        client.putheader("Host", client.name)
        client.putheader("Content-Length", "1000000")
        client.endheaders(b"first")
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (413, b"too large")
        client.close()
        assert client.ask("GET", "/")[2] == b"next"


def test_open_requests_and_visits_are_counted(apps: AppServer, client: Client) -> None:
    with serving(echo) as app:
        apps.say("main", "starting")
        before = len(apps.told)
        waiting = threading.Thread(target=lambda: client.ask("POST", "/", b"kept"))
        waiting.start()
        wait(lambda: len(apps.told) > before, "somebody waits")
        apps.say("main", "ready", app.port)
        waiting.join(60)
        assert app.heads[0].startswith(b"POST / ")
    assert apps.told[-1] == "awake main 1 True"


def test_a_branch_without_an_app_is_files_as_ever(apps: AppServer, client: Client, way: dict[str, str]) -> None:
    apps.places.clear()
    apps.say("other", "ready", 1)
    assert client.ask("GET", "/", None, way)[2] == b"a file"
    assert client.ask("POST", "/", b"", way)[0] == 405
