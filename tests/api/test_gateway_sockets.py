"""WebSockets of apps behind previews: from the visitor to the app and back, on both ways through the server."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from support.apps import AppServer, with_thing
from support.previews import wait
from support.upstream import Line, Upstream, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from websockets.sync.client import ClientConnection
    from websockets.sync.server import ServerConnection

LONG = {f"X-Long-{number}": "x" * 6000 for number in range(3)}
"""What makes a request take the long way."""


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    yield from with_thing(tmp_path_factory.mktemp("apps"), GITPERCH_PREVIEWS_ANSWER_SECONDS="5")


@pytest.fixture(params=["tunnel", "messages"])
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    return LONG if request.param == "messages" else {}


@contextlib.contextmanager
def app(work: Callable[[ServerConnection], None], **options: Any) -> Iterator[int]:
    """A real WebSocket server; its port."""
    with serve(work, "127.0.0.1", 0, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]
        server.shutdown()


@contextlib.contextmanager
def opened(
    apps: AppServer, headers: dict[str, str], path: str = "/", label: str = "main-thing", **options: Any
) -> Iterator[ClientConnection]:
    line = socket.create_connection(("127.0.0.1", apps.port), 20)
    options = {"compression": None, "max_size": None, "close_timeout": 5, "additional_headers": headers} | options
    try:
        with connect(f"ws://{label}.localhost:{apps.port}{path}", sock=line, **options) as client:
            yield client
    finally:
        line.close()


def echo(app: ServerConnection) -> None:
    for message in app:
        app.send(message)


def test_messages_of_both_kinds_and_any_size_pass_in_order(apps: AppServer, way: dict[str, str]) -> None:
    with app(echo, max_size=None) as port:
        apps.say("main", "ready", port)
        with opened(apps, way) as client:
            long = 17 << 20 if way == {} else 0
            for message in ("", "ü" * 1000, b"", b"\0\xff" * 50_000, "x" * (1 << 20), b"y" * long):
                client.send(message)
                assert client.recv(20) == message
            for number in range(200):
                client.send(str(number))
            assert [client.recv(60) for _ in range(200)] == [str(number) for number in range(200)]


def test_the_app_is_asked_as_the_visitor_asked(apps: AppServer, way: dict[str, str]) -> None:
    def tell(app: ServerConnection) -> None:
        assert app.request
        headers = app.request.headers
        app.send(f"{app.request.path}\n" + "\n".join(f"{name.lower()}: {value}" for name, value in headers.raw_items()))
        app.send(str(app.subprotocol))

    with app(tell, subprotocols=["vite-hmr", "other"]) as port:
        apps.say("main", "ready", port)
        headers = way | {
            "Cookie": "a=1; gitperch=secret",
            "Authorization": "Bearer gpt_x",
            "X-Forwarded-For": "6.6.6.6",
        }
        name = f"main-thing.localhost:{apps.port}"
        with opened(
            apps,
            headers,
            "/hmr?token=a%20b",
            subprotocols=["none", "vite-hmr"],
            origin=f"http://{name}",
            compression="deflate",
        ) as client:
            said = str(client.recv(60)).split("\n")
            assert client.recv(60) == client.subprotocol == "vite-hmr"
            assert client.response and "Sec-WebSocket-Extensions" not in client.response.headers
        assert said[0] == "/hmr?token=a%20b"
        for line in (
            f"host: {name}",
            f"origin: http://{name}",
            "cookie: a=1",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-proto: http",
        ):
            assert said.count(line) == 1, line
        assert "gpt_" not in str(said) and "6.6.6.6" not in str(said)


def test_close_codes_pass_to_the_visitor(apps: AppServer, way: dict[str, str]) -> None:
    with app(lambda app: app.close(4001, "enough")) as port:
        apps.say("main", "ready", port)
        with opened(apps, way) as client, pytest.raises(ConnectionClosed) as closed:
            client.recv(60)
        assert closed.value.rcvd and (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")


def test_close_codes_and_pings_pass_to_the_app(apps: AppServer) -> None:
    """Pings are answered by the app itself: one that hangs is seen to hang."""
    codes: list[int] = []
    asked, go_on = threading.Event(), threading.Event()

    def work(app: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            app.recv()
        assert app.protocol.close_rcvd
        codes.append(app.protocol.close_rcvd.code)

    with app(work) as port:
        apps.say("main", "ready", port)
        with opened(apps, {}) as client:
            assert client.ping().wait(60)
            client.close(4002, "bye")
        until = time.monotonic() + 60
        while not codes and time.monotonic() < until:
            time.sleep(0.01)
        assert codes == [4002]

    def hang(line: Line, head: bytes) -> None:
        key = head.lower().partition(b"sec-websocket-key: ")[2]
        assert key
        line.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        asked.set()
        go_on.wait(60)

    with serving(hang) as upstream, socket.create_connection(("127.0.0.1", apps.port), 5) as line:
        apps.say("main", "ready", upstream.port)
        line.sendall(
            f"GET / HTTP/1.1\r\nHost: main-thing.localhost:{apps.port}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert line.recv(1000).startswith(b"HTTP/1.1 101 ")
        line.sendall(b"\x89\x80\0\0\0\0")
        line.settimeout(0.5)
        with pytest.raises(TimeoutError):
            line.recv(10)
        go_on.set()


def test_an_app_that_declines_is_heard(apps: AppServer, way: dict[str, str]) -> None:
    def respond(line: Line, head: bytes) -> None:
        line.answer(b"not here", b"Content-Type: text/plain", status=b"404 Not Found")

    with serving(respond) as upstream:
        apps.say("main", "ready", upstream.port)
        with pytest.raises(InvalidStatus) as declined:
            opened(apps, way).__enter__()
        assert (declined.value.response.status_code, declined.value.response.body) == (404, b"not here")


def test_an_app_that_says_nonsense_or_is_not_there_is_told(apps: AppServer, way: dict[str, str]) -> None:
    def respond(line: Line, head: bytes) -> None:
        line.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n")
        line.socket.shutdown(socket.SHUT_RDWR)

    with serving(respond) as upstream:
        apps.say("main", "ready", upstream.port)
        with pytest.raises(InvalidStatus) as declined:
            opened(apps, way).__enter__()
        assert declined.value.response.status_code == 502
    with pytest.raises(InvalidStatus) as declined:
        opened(apps, way).__enter__()
    assert declined.value.response.status_code == 502


def test_a_socket_is_a_visit_and_wakes_the_app(apps: AppServer, way: dict[str, str]) -> None:
    with app(echo) as port:
        apps.say("main", "sleeping")
        asked = len(apps.told)

        def wake() -> None:
            wait(lambda: len(apps.told) > asked, "somebody waits")
            apps.say("main", "ready", port)

        threading.Thread(target=wake).start()
        with opened(apps, way) as client:
            client.send("hello")
            assert client.recv(60) == "hello"
            assert apps.told[-1] == "awake main 1 True"
            # While it is open somebody is there.
            apps.say("main", "ready", port)
            assert apps.open("main") == 1
        until = time.monotonic() + 60
        while apps.open("main") and time.monotonic() < until:
            time.sleep(0.05)
        assert apps.open("main") == 0


def test_a_visitor_who_reads_nothing_stops_the_app_and_nothing_else(apps: AppServer, way: dict[str, str]) -> None:
    """Row 22: neither end's messages are heaped up here."""
    sent: list[int] = []

    def flood(app: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed, ConnectionError, TimeoutError):
            for _ in range(2000):
                app.send(b"x" * 100_000)
                sent.append(1)

    with app(flood) as port:
        apps.say("main", "ready", port)
        with opened(apps, way, max_queue=1) as client:
            until, before = time.monotonic() + 15, -1
            while (before != len(sent) or not sent) and time.monotonic() < until:
                before = len(sent)
                time.sleep(0.7)
            assert 0 < len(sent) < 400  # 40 MB, most of it in the kernel's buffers
            with opened(apps, way) as other:
                assert other.recv(60)
                other.socket.shutdown(socket.SHUT_RDWR)
            client.socket.shutdown(socket.SHUT_RDWR)


def test_a_visitor_who_leaves_without_a_word_is_noticed(apps: AppServer, way: dict[str, str]) -> None:
    left = threading.Event()

    def work(app: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            app.recv()
        left.set()

    with app(work) as port:
        apps.say("main", "ready", port)
        with opened(apps, way) as client:
            client.socket.shutdown(socket.SHUT_RDWR)
            assert left.wait(60)


def test_files_take_no_sockets(apps: AppServer, way: dict[str, str]) -> None:
    apps.places.clear()
    apps.say("other", "ready", 1)
    with pytest.raises(InvalidStatus):
        opened(apps, way).__enter__()
    with Upstream(lambda line: None) as upstream:
        apps.say("main", "ready", upstream.port)
        with pytest.raises(InvalidStatus):
            opened(apps, way, label="main-nothing").__enter__()
        assert not upstream.connections
