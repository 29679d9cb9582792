"""What git asks of a server, word for word: a proxy that git is sent through, and that hangs up when it comes to the pack."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from contrib.bench.raw_client import Request
from contrib.bench.servers import GIT

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS = {"host", "content-length", "connection"}  # written anew for every server


def record(url: str, command: Callable[[str], list[str]]) -> list[Request]:
    """The requests that `command(address)` makes of the repository at `url`; the last asks for a pack, or brings one.

    A fetch that finds nothing new has no such last one. Otherwise the command fails, as planned, since it is hung up on.
    Requests that were refused, because git tries first without a password, are left out.
    """
    server = _Recorder(url)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        parts = urlsplit(url)
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        address = f"http://{user}127.0.0.1:{server.server_address[1]}{parts.path}"
        done = subprocess.run(command(address), env=GIT, capture_output=True, timeout=120, check=False)
    finally:
        server.shutdown()
        server.server_close()
    if not server.requests or (done.returncode and not server.came_to_pack):
        raise RuntimeError(f"git asked for nothing: {done.stderr.decode(errors='replace')}")
    return server.requests


class _Recorder(ThreadingHTTPServer):
    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(url)
        self.requests: list[Request] = []
        self.came_to_pack = False


class _Handler(BaseHTTPRequestHandler):
    server: _Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._relay()

    def do_POST(self) -> None:
        self._relay()

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = tuple((name, value) for name, value in self.headers.items() if name.lower() not in _OURS)
        path = self.path.removeprefix(self.server.upstream.path)
        self.close_connection = True
        if self.server.came_to_pack:
            return  # git tries again when it is hung up on
        request = Request(self.command, path, headers, body)
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        if b"command=fetch" in plain[:100] or (path == "/git-receive-pack" and body != b"0000"):
            self.server.requests.append(request)
            self.server.came_to_pack = True
            return
        upstream = http.client.HTTPConnection(
            self.server.upstream.hostname or "", self.server.upstream.port, timeout=60
        )
        upstream.request(self.command, self.path, body or None, dict(headers))
        answer = upstream.getresponse()
        data = answer.read()
        if answer.status == http.client.OK:
            self.server.requests.append(request)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class calls it so
        pass
