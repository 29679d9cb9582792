"""An app's preview as the world reaches it: through the real Caddy, over HTTPS, below the wildcard."""

from __future__ import annotations

import functools
import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from support.caddy import HOST, PREVIEWS, in_front_of_a_server
from support.previews import QUICK, Site, app, wait
from support.server import git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.caddy import Front

pytestmark = pytest.mark.skipif(not shutil.which("caddy"), reason="caddy is not installed (apt install caddy)")

# Says back what it hears, over one WebSocket for each connection; to everything else, what it was told about the request.
ECHO = """
import base64, hashlib, os, socketserver

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        fields = {}
        while line := self.rfile.readline().strip():
            name, _, value = line.decode().partition(": ")
            fields[name.lower()] = value
        if "sec-websocket-key" not in fields:
            text = f"{fields['x-forwarded-proto']}://{fields['host']}".encode()
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(text) + text)
            return
        key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
        upgrade = b"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
        self.wfile.write(upgrade + b"Sec-WebSocket-Accept: " + accept + b"\\r\\n\\r\\n")
        while head := self.rfile.read(2):  # of messages that are short
            mask, size = self.rfile.read(4), head[1] & 0x7F
            text = bytes(each ^ mask[at % 4] for at, each in enumerate(self.rfile.read(size)))
            kind = {9: 10}.get(head[0] & 0x0F, head[0] & 0x0F)  # a ping gets its pong
            self.wfile.write(bytes((0x80 | kind, size)) + text)

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

Server((os.environ["HOST"], int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    # Room for two apps: whoever comes third has to wait for one that nobody uses.
    settings = QUICK | {"GITPERCH_PREVIEWS_RUNNING": "2"}
    with in_front_of_a_server(tmp_path, certificates="internal", **settings) as front:
        yield front


def test_an_app_is_there_over_https_and_its_socket_outlives_ten_pushes_to_other_branches(
    front: Front, tmp_path: Path
) -> None:
    site = Site(front.server, tmp_path, "chat")
    site.remote = f"https://alice:{front.server.password}@{HOST}:{front.port}/alice/chat.git"
    site.work.mkdir()
    git("init", "--quiet", cwd=site.work)
    git("config", "http.sslCAInfo", str(front.authority), cwd=site.work)
    files: dict[str, str | bytes] = {"gitperch.toml": "[preview]\ncommand = 'python3 app.py'\n", "app.py": ECHO}
    site.push(files)
    url = site.until("ready")["url"]
    address = urlsplit(url)
    assert (address.scheme, address.netloc) == ("https", f"main-chat.{PREVIEWS}:{front.port}")
    assert front.get(address.netloc.partition(":")[0]) == (200, f"https://main-chat.{PREVIEWS}")
    with connect(f"wss://{address.netloc}/", sock=front.connected(), ssl=front.trusted()) as socket:
        for number in range(10):
            site.push(app(f"{number}"), ("left", "right")[number % 2])
            socket.send(f"after push {number}")
            assert socket.recv(60) == f"after push {number}"
        # They make room for each other, and not the one that somebody is with.
        for branch, number in (("right", 9), ("left", 8)):
            host = urlsplit(site.url(branch)).hostname or ""
            # An older version may still answer while the newest is built.
            wait(functools.partial(_says, front, host, f"{number}"), f"the newest of {branch}")
        assert site.state() == "ready"
        socket.send("still here")
        assert socket.recv(60) == "still here"


def _says(front: Front, host: str, text: str) -> bool:
    return front.get(host, Accept="text/plain") == (200, text)
