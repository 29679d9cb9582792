"""What git asks of a server, word for word: a proxy that git is sent through, and that hangs up once it is asked for a pack."""

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
    """The requests that `command(address)`, a clone or a fetch, makes of the repository at `url`; the last asks for the pack.

    Without a last one of that kind, there was nothing to fetch. The command itself fails then, as planned, unless there was nothing.
    """
    server = _Recorder(url)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}{urlsplit(url).path}"
        done = subprocess.run(command(address), env=GIT, capture_output=True, timeout=120, check=False)
    finally:
        server.shutdown()
        server.server_close()
    if not server.requests or (done.returncode and not server.asked_for_pack):
        raise RuntimeError(f"git asked for nothing: {done.stderr.decode(errors='replace')}")
    return server.requests


class _Recorder(ThreadingHTTPServer):
    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(url)
        self.requests: list[Request] = []
        self.asked_for_pack = False


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
        if self.server.asked_for_pack:
            return  # git tries again when it is hung up on
        self.server.requests.append(Request(self.command, path, headers, body))
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        if b"command=fetch" in plain[:100]:
            self.server.asked_for_pack = True
            return
        upstream = http.client.HTTPConnection(
            self.server.upstream.hostname or "", self.server.upstream.port, timeout=60
        )
        upstream.request(self.command, self.path, body or None, dict(headers))
        answer = upstream.getresponse()
        data = answer.read()
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
