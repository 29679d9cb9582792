"""Row 21: a WebSocket message is kept up to its limit, and not a byte beyond."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from support.server import commit

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

MESSAGE = 200 << 20


def test_who_goes_on_with_a_message_that_is_too_long_is_cut_off(server: Server, tmp_path: Path) -> None:
    """hypercorn would say so, and keep whatever still comes."""
    commit(tmp_path / "w", {"a": "a"})
    server.cli("repo", "add", "alice/talk", "--public", "--from", str(tmp_path / "w"))
    with socket.create_connection(("127.0.0.1", server.port), 20) as line:
        lines = (
            "GET /api/repos/alice/talk/live HTTP/1.1",
            f"Host: localhost:{server.port}",
            f"Origin: http://localhost:{server.port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version: 13",
        )
        line.sendall("\r\n".join((*lines, "", "")).encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 101 ")
        line.sendall(b"\x82\xff" + MESSAGE.to_bytes(8, "big") + bytes(4))
        with pytest.raises(ConnectionError):
            line.sendall(bytes(MESSAGE))
    assert server.get("/healthz").status == 200
