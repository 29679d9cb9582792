"""The short way that a git client's first requests take says what the long one does, and takes nothing that could be read in two ways."""

from __future__ import annotations

import gzip
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, Event, StreamEnded

from gitperch.cli.short_way import request_in
from gitperch.transport.packets import DELIMITER, FLUSH, packet
from support.embedded import Program
from support.server import Server, commit

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = b"Host: localhost\r\n"
LISTING = b"0014command=ls-refs\n00010009peel\n0000"
GET = b"GET /alice/short.git/info/refs?service=git-upload-pack HTTP/1.1\r\n"
POST = b"POST /alice/short.git/git-upload-pack HTTP/1.1\r\n"
OF_LISTING = b"Content-Type: application/x-git-upload-pack-request\r\nGit-Protocol: version=2\r\nContent-Length: %d\r\n"
ASKED = POST + HOST + OF_LISTING % len(LISTING) + b"\r\n" + LISTING


def fetch(line: bytes, *, encoded: bool = False) -> bytes:
    """A request for what is nowhere, with one more line."""
    lines = (b"command=fetch", b"object-format=sha1", b"", b"want " + b"2" * 40, line, b"done")
    asked = b"".join(packet(line) if line else DELIMITER for line in lines) + FLUSH
    body = gzip.compress(asked) if encoded else asked
    coding = b"Content-Encoding: gzip\r\n" if encoded else b""
    return POST + HOST + coding + OF_LISTING % len(body) + b"\r\n" + body


@pytest.fixture(scope="module")
def house(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    work = tmp_path_factory.mktemp("w") / "w"
    commit(work, {"a": "a", "info/refs": "a file of that name"})
    server.cli("repo", "add", "alice/short", "--public", "--from", str(work))
    return server


class Line:
    """A connection on which bytes are sent as they are."""

    def __init__(self, server: Server | Program) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)

    def say(self, data: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
        self.socket.sendall(data)
        return self.hear()

    def hear(self) -> tuple[bytes, dict[bytes, bytes], bytes]:
        """Status line, headers and body of one answer, taken to its exact end."""
        head = self._until(b"\r\n\r\n").split(b"\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in head[1:] if line)
        }
        if b"content-length" in headers:
            return head[0], headers, self._exactly(int(headers[b"content-length"]))
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._exactly(size + 2)[:-2]
        assert self._exactly(2) == b"\r\n"
        return head[0], headers, body

    def _until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self._exactly(1)
        return data

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            assert piece, f"closed after {data!r}"
            data += piece
        return data


@pytest.fixture
def line(house: Server) -> Iterator[Line]:
    line = Line(house)
    with closing(line.socket):
        yield line


def longer(request: bytes) -> bytes:
    """The same request with a word that the short way leaves to the long one."""
    assert request_in(request)
    other = request.replace(b"Host: ", b"Connection: keep-alive\r\nHost: ")
    assert not request_in(other)
    return other


@pytest.mark.parametrize(
    "request_",
    [
        GET + HOST + b"\r\n",
        GET + HOST + b"Git-Protocol: version=2\r\nAccept: */*\r\n\r\n",
        GET.replace(b"upload", b"receive") + HOST + b"\r\n",
        GET.replace(b"short", b"absent") + HOST + b"\r\n",
        GET.replace(b"alice", b"%61lice") + HOST + b"\r\n",
        GET.replace(b"/alice", b"/..//alice") + HOST + b"\r\n",
        GET + HOST.replace(b"localhost", b"evil.example") + b"\r\n",
        GET + HOST + b"Authorization: Basic !!!\r\n\r\n",
        GET + HOST + b"Accept: application/json\r\nAuthorization: token gpt_no\r\n\r\n",
        ASKED,
        ASKED.replace(b"00010009peel\n", b"00010009what\n"),
        ASKED.replace(b"Git-Protocol: version=2\r\n", b""),
        ASKED.replace(b"x-git-upload-pack-request", b"x-git-receive-pack-request"),
        ASKED.replace(b"short", b"absent"),
        fetch(b"have " + b"1" * 40),
        fetch(b"have " + b"1" * 40, encoded=True),
        fetch(b"have nothing"),
    ],
)
def test_both_ways_say_the_same(line: Line, request_: bytes) -> None:
    for _ in range(2):
        short_status, short_headers, short_body = line.say(request_)
        status, headers, body = line.say(longer(request_))
        assert (short_status, short_body) == (status, body)
        del short_headers[b"date"], headers[b"date"]
        assert short_headers == headers


@pytest.mark.parametrize(
    "data",
    [
        GET + b"\r\n",
        GET + HOST + HOST + b"\r\n",
        GET + HOST + b"X: a\r\n b\r\n\r\n",
        GET + HOST + b"X : a\r\n\r\n",
        GET + HOST + b"X: \x00\r\n\r\n",
        GET + HOST + b"X: \xff\r\n\r\n",
        GET + HOST + b"X: a\n\r\n",
        GET + HOST + b"\n",
        GET + HOST + b"Content-Length: 4\r\n\r\n0000",
        GET + HOST + b"\r\n" + GET + HOST + b"\r\n",
        GET + HOST + b"Expect: 100-continue\r\n\r\n",
        GET + HOST + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
        GET.replace(b"HTTP/1.1", b"HTTP/1.0") + HOST + b"\r\n",
        GET.replace(b"GET", b"get") + HOST + b"\r\n",
        GET.replace(b"GET ", b"GET  ") + HOST + b"\r\n",
        GET.replace(b"/alice", b"http://localhost/alice") + HOST + b"\r\n",
        GET.replace(b"service", b"other&service") + HOST + b"\r\n",
        ASKED + b"x",
        ASKED[:-1],
        ASKED.replace(b"Content-Length: ", b"Content-Length: +"),
        ASKED.replace(b"Content-Length: ", b"Content-Length: 0"),
        ASKED.replace(HOST, HOST + b"Content-Length: 5\r\n"),
        ASKED.replace(HOST, HOST + b"Transfer-Encoding: chunked\r\n"),
        ASKED.replace(HOST, HOST + b"transfer-encoding:chunked\r\n"),
        ASKED.replace(b"ls-refs", b"fetch\n\n"),
        ASKED.replace(b"upload-pack HTTP", b"receive-pack HTTP"),
    ],
)
def test_what_is_not_of_the_plainest_form_is_left_alone(data: bytes) -> None:
    assert request_in(data) is None


def test_requests_in_pieces_in_a_row_and_all_at_once_are_each_answered_once(line: Line) -> None:
    asked = GET + HOST + b"\r\n"
    first = line.say(asked)[2]
    for at in (1, 30, len(asked) - 1):
        line.socket.sendall(asked[:at])
        time.sleep(0.05)
        assert line.say(asked[at:])[2] == first
    line.socket.sendall(asked * 3)
    assert [line.hear()[2] for _ in range(3)] == [first] * 3
    assert line.say(asked)[2] == first
    assert b"refs/heads/main" in line.say(ASKED)[2]


def test_no_connection_is_cut_for_the_number_of_its_requests(line: Line) -> None:
    for number in range(1100):
        _, headers, body = line.say(longer(GET + HOST + b"\r\n") if number % 100 == 0 else GET + HOST + b"\r\n")
        assert body and b"connection" not in headers, number


def test_no_connection_in_http_2_is_cut_for_the_number_of_its_requests(house: Server) -> None:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    with socket.create_connection(("127.0.0.1", house.port), timeout=20) as line:
        for number in range(1100):
            stream = client.get_next_available_stream_id()
            names = [(":method", "GET"), (":path", "/healthz"), (":scheme", "http"), (":authority", "localhost")]
            client.send_headers(stream, names, end_stream=True)
            events: list[Event] = []
            while not any(isinstance(event, StreamEnded) for event in events):
                line.sendall(client.data_to_send())
                piece = line.recv(65536)
                assert piece, number
                events = client.receive_data(piece)
                assert not any(isinstance(event, ConnectionTerminated) for event in events), number


def test_an_idle_connection_does_not_hold_up_the_servers_end(own_server: Server) -> None:
    line = Line(own_server)
    with closing(line.socket):
        assert b"401" in line.say(GET + HOST + b"\r\n")[0]
        began = time.monotonic()
        own_server.stop()
        assert line.socket.recv(1) == b""
        assert time.monotonic() - began < 3


def test_an_answer_that_has_no_body_leaves_nothing_on_the_line_for_the_next(line: Line) -> None:
    asked = GET.replace(b"/alice/short.git/", b"/alice/short/raw/main/") + HOST
    tag = line.say(asked + b"\r\n")[1][b"etag"]
    unchanged = asked + b"If-None-Match: " + tag + b"\r\n\r\n"
    for request in (unchanged, longer(unchanged)):
        line.socket.sendall(request)
        assert line._until(b"\r\n\r\n").startswith(b"HTTP/1.1 304 ")
        assert line.say(GET + HOST + b"\r\n")[0] == b"HTTP/1.1 200 "


_BROKEN = """
import asyncio

from gitperch.cli import connections, short_way

connections.end_with_their_clients()
short_way.install()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    name = scope["path"].split("/")[1]
    if name == "watching":
        await receive()
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0.01)
    headers = {"short": [(b"content-length", b"9")], "long": [(b"content-length", b"2")]}.get(name, [])
    if name == "split":
        headers = [(b"location", b"/\\r\\ncontent-length: 0\\r\\n\\r\\nHTTP/1.1 200 forged")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"bytes", "more_body": True})
    if name == "dead":
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        raise RuntimeError("in the middle")
    await send({"type": "http.response.body", "body": b""})
    if name == "watching":
        gone.cancel()
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    yield from Program(tmp_path_factory.mktemp("broken"), _BROKEN, ("--keep-alive", "60")).run()


@pytest.mark.parametrize("name", [b"short", b"long", b"split", b"dead"])
def test_an_answer_that_goes_wrong_ends_its_connection_at_once_and_is_not_taken_for_whole(
    broken: Program, name: bytes
) -> None:
    line = Line(broken)
    with closing(line.socket):
        line.socket.settimeout(5)
        line.socket.sendall(GET.replace(b"alice", name) + HOST + b"\r\n")
        came = b""
        while piece := line.socket.recv(65536):
            came += piece
        assert b"forged" not in came
        assert not came.endswith(b"0\r\n\r\n")
        assert came == b"" or name == b"dead"


def test_one_who_watches_for_the_clients_end_leaves_the_connection_in_order(broken: Program) -> None:
    line = Line(broken)
    with closing(line.socket):
        for _ in range(3):
            assert line.say(GET.replace(b"alice", b"watching") + HOST + b"\r\n")[2] == b"bytes"
