"""Row 20: a proxy in front is believed about who asks, so nobody may get to speak in its name."""

from __future__ import annotations

import shutil
import socket
from typing import TYPE_CHECKING

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from support.caddy import HOST, in_front_of_a_server

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server

# Connection names only the one: what it names ends at a proxy, and the settings are to arrive.
_OFFER = "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: {}\r\n\r\n"


def _said_to_an_offer_of_http_2(line: socket.socket, host: str) -> bytes:
    settings = H2Connection(H2Configuration(client_side=True)).initiate_upgrade_connection() or b""
    line.sendall(_OFFER.format(host, settings.decode()).encode())
    said = b""
    while not said.endswith(b"ok\n") and (piece := line.recv(65536)):
        said += piece
    return said


def test_a_connection_never_becomes_one_that_a_proxy_cannot_read(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 20) as line:
        for _ in range(2):
            assert _said_to_an_offer_of_http_2(line, f"localhost:{server.port}").startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")
def test_nobody_gets_through_caddy_to_speak_in_its_name(tmp_path: Path) -> None:
    with in_front_of_a_server(tmp_path, certificates="none") as front, front.connected() as line:
        assert _said_to_an_offer_of_http_2(line, f"{HOST}:{front.port}").startswith(b"HTTP/1.1 200")
