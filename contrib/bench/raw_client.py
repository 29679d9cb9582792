"""A client of few instructions: requests as git sent them once, over plain sockets, and answers that are counted and thrown away."""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Event

_BUFFER = 1 << 20
_SECONDS = 600.0  # for the slowest answer of all


@dataclass(frozen=True)
class Request:
    """One request; `path` is what follows the repository's address. Headers are as git wrote them, without Host and lengths."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def bytes_for(self, host: str, base: str, *, last: bool = False) -> bytes:
        lines = [f"{self.method} {base}{self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}"] * bool(self.body) + ["Connection: close"] * last
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Connection:
    """One kept connection to the repository (or any page) at `url`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._base = parts.netloc.rpartition("@")[2], parts.path
        self._socket = socket.create_connection((parts.hostname, parts.port), _SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ahead = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, request: Request) -> bytes:
        """The answer's body. Raises RuntimeError for any status but 200."""
        self._socket.sendall(request.bytes_for(self._host, self._base))
        head = self._until(b"\r\n\r\n").lower()
        length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip()
        body = self._chunked() if not length else self._exactly(int(length))
        _check(request, head, body)
        return body

    def drain(self, request: Request) -> int:
        """Take the answer to the last request on this connection; its bytes on the wire. Raises RuntimeError where its end is missing."""
        self._socket.sendall(request.bytes_for(self._host, self._base, last=True))
        head = self._until(b"\r\n\r\n").lower()
        _check(request, head, b"")
        buffer = bytearray(_BUFFER)
        count, tail = len(self._ahead), self._ahead[-16:]
        while size := self._socket.recv_into(buffer):
            count += size
            tail = (tail + buffer[max(0, size - 16) : size])[-16:]
        if not tail.removesuffix(b"0\r\n\r\n").rstrip(b"\r\n").endswith(b"0000"):
            raise RuntimeError(f"{self._base} ended in the middle, after {count} bytes: {tail!r}")
        return count

    def _until(self, mark: bytes) -> bytes:
        while (at := self._ahead.find(mark)) < 0:
            self._ahead += self._more()
        found, self._ahead = self._ahead[:at], self._ahead[at + len(mark) :]
        return found

    def _exactly(self, size: int) -> bytes:
        pieces, have = [self._ahead], len(self._ahead)
        while have < size:
            pieces.append(self._more())
            have += len(pieces[-1])
        whole = b"".join(pieces)
        self._ahead = whole[size:]
        return whole[:size]

    def _chunked(self) -> bytes:
        pieces = []
        while size := int(self._until(b"\r\n").partition(b";")[0], 16):
            pieces.append(self._exactly(size + 2)[:-2])
        self._until(b"\r\n")
        return b"".join(pieces)

    def _more(self) -> bytes:
        data = self._socket.recv(_BUFFER)
        if not data:
            raise RuntimeError(f"{self._base}: the server ended the connection in the middle of an answer")
        return data


def _check(request: Request, head: bytes, body: bytes) -> None:
    if head.split(b" ", 2)[1] != b"200":
        raise RuntimeError(f"{request.method} {request.path} was answered with {head[:200]!r} {body[:300]!r}")


def clone(url: str, requests: Sequence[Request]) -> int:
    """All of a clone over a connection of its own; the bytes of its last answer."""
    with Connection(url) as connection:
        for request in requests[:-1]:
            connection.ask(request)
        return connection.drain(requests[-1])


@dataclass(frozen=True)
class Crowd:
    """What a crowd of clients got: whole clones, their bytes, and the seconds from the first request to the last byte."""

    clones: int
    bytes: int
    seconds: float
    client_cpu: float


def crowd(
    url: str, requests: Sequence[Request], clients: int, *, for_seconds: float = 0, core: int | None = None
) -> Crowd:
    """`clients` at once in a process of their own, one clone each, or one after the other `for_seconds`.

    With `core`, the process runs there only. Raises RuntimeError when a clone fails.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_crowd, (url, requests, clients, for_seconds, core))


def _crowd(url: str, requests: Sequence[Request], clients: int, for_seconds: float, core: int | None) -> Crowd:
    if core is not None:
        os.sched_setaffinity(0, {core})
    sizes: list[int] = []
    errors: list[Exception] = []
    began, cpu = time.perf_counter(), time.process_time()

    def client() -> None:
        try:
            sizes.append(clone(url, requests))
            while time.perf_counter() - began < for_seconds:
                sizes.append(clone(url, requests))
        except Exception as error:  # noqa: BLE001 -- raised below, in the thread that waits
            errors.append(error)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return Crowd(len(sizes), sum(sizes), time.perf_counter() - began, time.process_time() - cpu)


class Load:
    """Inside the block, `clients` clone again and again in a process of their own, what the refs are then; at its end they hang up."""

    def __init__(self, url: str, requests: Sequence[Request], clients: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._begun = context.Event()
        self._process = context.Process(target=_load, args=(url, list(requests), clients, self._begun), daemon=True)

    def __enter__(self) -> Load:
        self._process.start()
        self._begun.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.exitcode is not None:
            raise RuntimeError("a clone failed while others were measured")
        self._process.kill()
        self._process.join()


def _load(url: str, requests: Sequence[Request], clients: int, begun: Event) -> None:
    with Connection(url) as connection:
        before = _refs([connection.ask(request) for request in requests[:-1]][-1])

    def client() -> None:
        while True:
            try:
                with Connection(url) as connection:
                    listed = [connection.ask(request) for request in requests[:-1]][-1]
                    connection.drain(_moved(requests[-1], before, _refs(listed)))
            except (RuntimeError, OSError):
                os._exit(1)  # whoever waits for us sees it

    for _ in range(clients):
        threading.Thread(target=client).start()
    time.sleep(0.3)  # all of them are at it
    begun.set()


def _refs(listed: bytes) -> dict[bytes, bytes]:
    """The oid of every ref in the answer to `ls-refs` (gitprotocol-v2(5))."""
    refs, at = {}, 0
    while size := int(listed[at : at + 4], 16):
        oid, name = listed[at + 4 : at + size].split()[:2]
        refs[name], at = oid, at + size
    return refs


def _moved(request: Request, before: dict[bytes, bytes], now: dict[bytes, bytes]) -> Request:
    """The request with the wants of somebody to whom the refs were listed as they are `now`."""
    body = request.body
    for name, oid in before.items():
        body = body.replace(b"want " + oid, b"want " + now.get(name, oid))
    return replace(request, body=body)
