"""Clients that go on sending when they have their answer, or go in the middle of theirs."""

from __future__ import annotations

import contextlib
import socket
import time
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.server import Server

TIMES = 6


def descriptors(server: Server) -> int:
    assert server.process
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


def at_rest(server: Server) -> int:
    """How many descriptors it has when it has long opened none, and closed none."""
    until, counted = time.monotonic() + 60, [-1]
    while len(set(counted[-10:])) > 1 or len(counted) < 10:
        assert time.monotonic() < until, counted
        counted.append(descriptors(server))
        time.sleep(0.1)
    return counted[-1]


def upload(server: Server, wrong: str, size: int) -> bytes:
    """The beginning of the answer to a large push with a wrong password, which takes the server a moment to see."""
    credentials = b64encode(f"nobody:{wrong}".encode()).decode()
    head = (
        f"POST /alice/x.git/git-receive-pack HTTP/1.1\r\nHost: localhost:{server.port}\r\n"
        f"Authorization: Basic {credentials}\r\nContent-Type: application/x-git-receive-pack-request\r\n"
        f"Content-Length: {size}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(head.encode())
        with contextlib.suppress(OSError):
            for _ in range(size >> 16):
                client.sendall(b"0" * (1 << 16))
        return client.recv(100)


def test_an_answer_before_the_end_of_an_upload_leaves_no_connection_behind(own_server: Server) -> None:
    assert upload(own_server, "first", 4 << 20).startswith(b"HTTP/1.1 401")
    before = at_rest(own_server)
    for number in range(TIMES):
        assert upload(own_server, f"wrong{number}", 4 << 20).startswith(b"HTTP/1.1 401")
    until = time.monotonic() + 60
    while descriptors(own_server) > before and time.monotonic() < until:
        time.sleep(0.1)
    assert descriptors(own_server) <= before
    assert "Traceback" not in own_server.log


def test_a_connection_ends_when_its_client_ends_it(own_server: Server) -> None:
    own_server.get("/healthz")
    before = at_rest(own_server)
    request = f"GET /healthz HTTP/1.1\r\nHost: localhost:{own_server.port}\r\n\r\n".encode()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", own_server.port), timeout=10) as client:
            client.sendall(request)
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    until = time.monotonic() + 60
    while descriptors(own_server) > before and time.monotonic() < until:
        time.sleep(0.1)
    assert descriptors(own_server) <= before


def test_uploaders_who_leave_early_leave_no_connection_behind(own_server: Server) -> None:
    own_server.get("/healthz")
    before = at_rest(own_server)
    for path in ("/signin", "/nowhere/at/all", "/alice/x.git/git-upload-pack", "/api/x"):
        with socket.create_connection(("127.0.0.1", own_server.port), timeout=10) as client:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost:{own_server.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.sendall(head.encode() + (b"8000\r\n" + b"0" * 0x8000 + b"\r\n") * 20)
    until = time.monotonic() + 60
    while descriptors(own_server) > before and time.monotonic() < until:
        time.sleep(0.1)
    assert descriptors(own_server) <= before
