"""No visitor of a preview, and no app, has so much of the server that nothing is left for others (row 21)."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from gitperch.errors import Busy
from gitperch_preview.gateway.turns import Turns, visitor_of
from support.apps import AppServer, with_thing
from support.previews import wait
from support.upstream import Line, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection
    from websockets.sync.server import ServerConnection

LONG = {f"X-Long-{number}": "x" * 6000 for number in range(3)}
"""What makes a WebSocket pass through the server's memory."""


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    yield from with_thing(tmp_path_factory.mktemp("apps"), GITPERCH_TRUSTED_PROXIES="127.0.0.1")


def asking(apps: AppServer, client: str) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", apps.port), 20)
    line.sendall(f"GET / HTTP/1.1\r\nHost: main-thing.localhost\r\nX-Forwarded-For: {client}\r\n\r\n".encode())
    return line


def status(line: socket.socket) -> bytes:
    return line.recv(65536).split(b" ")[1]


@contextlib.contextmanager
def opened(apps: AppServer, client: str, headers: dict[str, str]) -> Iterator[ClientConnection]:
    with socket.create_connection(("127.0.0.1", apps.port), 20) as line:
        options: dict[str, Any] = {"compression": None, "max_size": None, "close_timeout": 5}
        sent = headers | {"X-Forwarded-For": client}
        with connect(
            f"ws://main-thing.localhost:{apps.port}/", sock=line, additional_headers=sent, **options
        ) as opened:
            yield opened


def test_a_quarter_of_an_apps_places_is_never_one_visitors_alone(apps: AppServer) -> None:
    answered = threading.Event()

    def respond(line: Line, head: bytes) -> None:
        assert head
        answered.wait(60)
        line.answer(b"hello")

    with serving(respond) as app, contextlib.ExitStack() as stack:
        apps.say("main", "ready", app.port)
        held: list[socket.socket] = []
        for number in range(1, 401):
            held.append(stack.enter_context(asking(apps, "6.6.6.6")))
            if number % 48 == 0:  # as fast as the app takes connections
                wait(lambda: app.connections >= min(len(held), 384), "that the app has been asked")
        other = stack.enter_context(asking(apps, "7.7.7.7"))
        # Those of one visitor above 384 are told so while all the rest still wait.
        told = select.poll()
        for line in held:
            told.register(line, select.POLLIN)
        refused: set[int] = set()

        def all_told() -> bool:
            refused.update(number for number, _ in told.poll(100))
            return len(refused) >= 16

        wait(all_told, "that those without a place are told so")
        assert {status(line) for line in held if line.fileno() in refused} == {b"503"}
        assert len(refused) == 16
        answered.set()
        assert status(other) == b"200"


def test_places_come_back_and_are_counted_for_each_thing() -> None:
    turns = Turns(4, "Too many.")
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(turns.turn("a", 1))
        for visitor, thing in (("a", 1), ("a", 1)):
            with pytest.raises(Busy), turns.turn(visitor, thing):
                pass
        stack.enter_context(turns.turn("b", 1))
        with pytest.raises(Busy), turns.turn("c", 1):
            pass
        stack.enter_context(turns.turn("a", 2))
    assert not turns._taken


def test_a_visitor_is_an_address_or_a_network_of_ipv6() -> None:
    def of(address: str) -> str:
        return visitor_of({"client": (address, 1)})

    assert of("192.0.2.1") == "192.0.2.1" == of("::ffff:192.0.2.1")
    assert of("2001:db8::1") == of("2001:db8::ffff:2") != of("2001:db8:0:1::1")
    assert of("fe80::1%eth0") == of("fe80::2%eth0")
    assert of("odd:one") == "odd:one"
    assert visitor_of({}) == ""


def test_messages_that_pass_through_memory_are_bounded_in_size_and_number(apps: AppServer) -> None:
    """Unfinished ones too: each socket would hold as much as one message may have."""

    def echo(app: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in app:
                app.send(message * 2 if isinstance(message, str) else message)

    with serve(echo, "127.0.0.1", 0, max_size=None) as app, contextlib.ExitStack() as stack:
        threading.Thread(target=app.serve_forever, daemon=True).start()
        apps.say("main", "ready", app.socket.getsockname()[1])
        with opened(apps, "6.6.6.6", LONG) as client:
            client.send(b"x" * (1 << 20))
            assert len(client.recv(60)) == 1 << 20
            with contextlib.suppress(ConnectionError, ConnectionClosed):
                client.send([b"x" * (1 << 19)] * 3)
            with pytest.raises(ConnectionClosed):
                client.recv(60)
        with opened(apps, "6.6.6.6", LONG) as client:
            client.send("x" * (1 << 20))  # said twice in the answer
            with pytest.raises(ConnectionClosed):
                client.recv(60)
        wait(lambda: apps.open("main") == 0, "that nobody is there any more")
        for _ in range(48):
            stack.enter_context(opened(apps, "6.6.6.6", LONG))
        with pytest.raises(InvalidStatus) as refused:
            opened(apps, "6.6.6.6", LONG).__enter__()
        assert refused.value.response.status_code == 503
        for client_address in ("7.7.7.7", "6.6.6.6"):
            headers = LONG if client_address == "7.7.7.7" else {}
            other = stack.enter_context(opened(apps, client_address, headers))
            other.send(b"still here")
            assert other.recv(60) == b"still here"
        stack.close()
        app.shutdown()


def test_a_head_in_pieces_gets_a_tunnel_as_well(apps: AppServer) -> None:
    """Proxies send heads of more than four kilobytes in pieces: what is in them has no say in how large messages may be."""

    def echo(app: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in app:
                app.send(message)

    with serve(echo, "127.0.0.1", 0, max_size=None) as app, socket.create_connection(("127.0.0.1", apps.port)) as line:
        threading.Thread(target=app.serve_forever, daemon=True).start()
        apps.say("main", "ready", app.socket.getsockname()[1])
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = "GET / HTTP/1.1\r\nHost: main-thing.localhost\r\nConnection: Upgrade\r\nCookie: a=" + "x" * 5000
        rest = (
            "\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n"
        )
        for number in range(0, len(first), 2000):
            line.sendall(first[number : number + 2000].encode())
            threading.Event().wait(0.02)
        line.sendall(rest.encode())
        line.settimeout(60)
        assert line.recv(65536).startswith(b"HTTP/1.1 101 ")
        size = 2 << 20  # more than a message may have that passes through memory
        line.sendall(b"\x82\xff" + size.to_bytes(8, "big") + bytes(4))
        threading.Thread(target=line.sendall, args=(b"y" * size,), daemon=True).start()
        got = 0
        while got < size:
            got += len(line.recv(1 << 20))
        line.close()
        app.shutdown()
