"""Row 20: a proxy in front is believed about who asks, so nobody may get to speak in its name."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from support.apps import running
from support.caddy import HOST, in_front_of_a_server
from support.server import commit
from support.upstream import Line, serving

if TYPE_CHECKING:
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


def _has_open_files(pid: int) -> bool:
    """Whether it runs: what is just ending has none."""
    try:
        return any(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def test_nobody_gets_the_servers_port_while_apps_still_run(tmp_path: Path) -> None:
    """It stops taking connections first, and apps end last: one that waits for the port would get what was meant for the server."""
    asked, stopped = threading.Event(), threading.Event()

    def respond(line: Line, head: bytes) -> None:
        assert head
        asked.set()
        stopped.wait(60)
        line.answer(b"late")

    for server in running(tmp_path / "s"):
        server.cli("repo", "add", "alice/thing", "--public")
        commit(tmp_path / "w", {"index.html": "a file"})
        server.git("push", server.remote("alice/thing"), "main", cwd=tmp_path / "w")
        with serving(respond) as app, socket.create_connection(("127.0.0.1", server.port), 20) as line:
            server.say("main", "ready", app.port)
            line.sendall(b"GET / HTTP/1.1\r\nHost: main-thing.localhost\r\n\r\n")
            assert asked.wait(60)
            process = server.process
            assert process
            process.send_signal(signal.SIGTERM)
            taken = 0
            while process.poll() is None:
                with socket.socket() as other:
                    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        other.bind(("127.0.0.1", server.port))
                        other.listen()
                    except OSError:
                        stopped.wait(0.02)
                        continue
                    taken += _has_open_files(process.pid)
            stopped.set()
        assert not taken
