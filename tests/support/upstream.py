"""Apps behind a preview that do exactly what a test wants, byte for byte, on a port of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Line:
    """A connection that the gateway has made."""

    socket: socket.socket
    ahead: bytes = b""

    def head(self) -> bytes:
        """The next request's head; b"" when there is none."""
        while b"\r\n\r\n" not in self.ahead:
            piece = self.socket.recv(65536)
            if not piece:
                return b""
            self.ahead += piece
        head, _, self.ahead = self.ahead.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def exactly(self, size: int) -> bytes:
        while len(self.ahead) < size:
            piece = self.socket.recv(65536)
            if not piece:
                break
            self.ahead += piece
        data, self.ahead = self.ahead[:size], self.ahead[size:]
        return data

    def body(self, head: bytes) -> bytes:
        """The body that `head` says comes, of either framing."""
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in lower:
            body = b""
            while size := int(self._until(b"\r\n"), 16):
                body += self.exactly(size)
                assert self.exactly(2) == b"\r\n"
            assert self.exactly(2) == b"\r\n"
            return body
        if b"\r\ncontent-length: " not in lower:
            return b""
        return self.exactly(int(lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))

    def _until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self.exactly(1)
        return data

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, body: bytes, *fields: bytes, status: bytes = b"200 OK") -> None:
        lines = b"".join(field + b"\r\n" for field in (*fields, b"Content-Length: %d" % len(body)))
        self.say(b"HTTP/1.1 " + status + b"\r\n" + lines + b"\r\n" + body)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.socket.close()


@dataclass
class Upstream:
    """Runs `work(line)` for each connection, in a thread; `heads` are the requests that `Line.head` has given out through `serve`."""

    work: Callable[[Line], None]
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)

    def __enter__(self) -> Upstream:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        assert not self.trouble, self.trouble

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._run, args=(accepted,), daemon=True).start()

    def _run(self, accepted: socket.socket) -> None:
        with accepted:
            accepted.settimeout(60)
            try:
                self.work(Line(accepted))
            except (ConnectionError, TimeoutError):
                pass
            except BaseException as error:  # noqa: BLE001 -- shown at the end of the test
                self.trouble.append(error)


def serving(respond: Callable[[Line, bytes], None]) -> Upstream:
    """An app that lets `respond(line, head)` answer one request after the other on each connection."""

    def work(line: Line) -> None:
        while head := line.head():
            upstream.heads.append(head)
            respond(line, head)

    upstream = Upstream(work)
    return upstream


@contextlib.contextmanager
def saying(answer: bytes, *, closes: bool = True) -> Iterator[Upstream]:
    """An app that says these bytes to every request, and then closes."""

    def respond(line: Line, head: bytes) -> None:
        line.body(head)
        line.say(answer)
        if closes:
            line.socket.shutdown(socket.SHUT_RDWR)

    with serving(respond) as upstream:
        yield upstream
