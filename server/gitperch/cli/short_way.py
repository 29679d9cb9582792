"""A short way for the requests that come most: what a git client asks to see which refs there are and what is new, and all for previews.

hypercorn takes a request through two parsers, three tasks, two queues and eight turns of the event loop, which is most of what a fetch
without news costs, and what an app behind a preview takes to answer. A request of that kind that has come whole, in one piece and in the
plainest form (RFC 9112), goes straight to the application instead. Everything else, to the last byte, is left to hypercorn: nothing is
ever read by both, so they cannot disagree.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import h11

from gitperch.cli.connections import inside

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hypercorn.asyncio.tcp_server import TCPServer
    from starlette.types import Message

log = logging.getLogger("gitperch.server")

_REQUEST = re.compile(
    rb"(?:(GET) (/[!-~]+/info/refs\?service=git-(?:upload|receive)-pack)|(POST) (/[!-~]+/git-upload-pack)) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t!-~]*\r\n)+)\r\n"
)
_ANY = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[ \t!-~\x80-\xff]*\r\n)+)\r\n"
)
_UPGRADES = re.compile(rb"\r\nconnection:[ \t]*upgrade\r\n|\r\nupgrade:[ \t]*websocket\r\n", re.IGNORECASE)
_LISTING, _FETCH, _HAVE = b"command=ls-refs", b"command=fetch", b"have "
# What has a say in how a message is framed, or what the connection is for afterwards.
_LEFT_ALONE = frozenset(
    (b"transfer-encoding", b"connection", b"upgrade", b"expect", b"te", b"trailer", b"http2-settings")
)
_LONGEST = 16 << 10  # bytes of a whole request
_PIECE = 64 << 10
_LARGE = 32 << 10
# Nothing that browsers and proxies say in it changes what follows (RFC 9112, section 9.3; RFC 9110, section 10.1.4).
_HARMLESS = {
    b"connection": (b"keep-alive", b"upgrade", b"keep-alive, upgrade"),
    b"upgrade": (b"websocket",),
    b"te": (b"trailers",),
}
_ONCE = frozenset((b"host", b"content-length"))
# After these, a client takes whatever comes for the next answer (RFC 9112, section 6.3).
_BODILESS = frozenset((204, 304))

Request = tuple[str, bytes, list[tuple[bytes, bytes]], bytes]
"""Method, target, headers and body."""


class Previews:
    """The host names below `domain`, but for `own`."""

    def __init__(self, domain: str, own: str) -> None:
        self._end, self._own = f".{domain}".encode(), own.encode()

    def has(self, host: bytes) -> bool:
        """`host` as a Host header has it."""
        name = (host.rpartition(b":")[0] if b":" in host else host).lower().rstrip(b".")
        return name.endswith(self._end) and name != self._own


class Short:
    """One such request and its answer. It is an ASGI server's end of both.

    With `held`, pieces of an answer wait for each other until there is a packet's worth, as nobody needs them before their end.
    """

    def __init__(
        self, server: TCPServer, reader: asyncio.StreamReader, scope: dict[str, Any], body: bytes, *, held: bool
    ) -> None:
        self._held = held
        self._server = server
        self._reader = reader
        self._scope = scope
        self._body: bytes | None = body
        self._out = bytearray()
        self._chunked = self._bodiless = False
        self._left: int | None = None  # bytes of the body that are still to come, where that was told
        self._listening = False
        self.whole = False
        """Whether the answer has come to its end."""
        self.last = False
        """Whether the connection ends with it."""
        self.ahead = b""
        """What the client has sent meanwhile."""

    async def run(self) -> None:
        """Answer. Whether that came to its end is seen from `whole`."""
        app: Any = self._server.app
        try:
            await app(self._scope, self._receive, self._send, None, None)
        except ConnectionError:
            pass  # the client's; what was not sent stays so
        except Exception:
            log.exception("the application failed at %s", self._scope["path"])
        if self._listening:
            await asyncio.sleep(0)  # somebody who was told to stop, and has not heard of it yet

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        self._listening = True
        try:
            while data := await self._reader.read(_PIECE):
                self.ahead += data
                if len(self.ahead) > _PIECE:
                    break  # who sends so much without waiting for an answer is not a git client
        finally:
            self._listening = False
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start(message["status"], message.get("headers", []))
            return
        data, more = b"" if self._bodiless else message.get("body", b""), message.get("more_body", False)
        self._count(len(data), more)
        if data:
            self._out += b"%x\r\n" % len(data) if self._chunked else b""
            if len(data) < _LARGE or self._held:
                self._out += data
            else:  # without copying it twice
                self._server.writer.write(bytes(self._out))
                self._out.clear()
                self._server.writer.write(data)
            self._out += b"\r\n" if self._chunked else b""
        if not more:
            self._out += b"0\r\n\r\n" if self._chunked else b""
            self.whole = True
        if not (more and self._held) or len(self._out) > _PIECE:
            await self._flush()

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        lines = [*headers, *self._server.config.response_headers("h11")]
        lengths = [int(value) for name, value in headers if name.lower() == b"content-length"]
        self._bodiless = status in _BODILESS or self._scope["method"] == "HEAD"
        self._left = lengths[0] if lengths and not self._bodiless else None
        self._chunked = not (lengths or self._bodiless)
        self.last = (b"connection", b"close") in headers
        if self._chunked:
            lines.append((b"transfer-encoding", b"chunked"))
        head = b"".join([b"%b: %b\r\n" % (name, value) for name, value in lines])
        if not head.count(b"\r") == head.count(b"\n") == len(lines) or b"\0" in head:
            raise ValueError(f"a header would be more than one: {lines!r}")
        self._out += b"HTTP/1.1 %d \r\n%b\r\n" % (status, head)

    def _count(self, size: int, more: bool) -> None:
        """Raises ValueError where the body is longer or shorter than was told: the rest would be part of the next answer."""
        if self._left is not None:
            self._left -= size
            if self._left < 0 or (self._left and not more):
                raise ValueError(f"the body has not the length that was told: {self._left} bytes are left")

    async def _flush(self) -> None:
        if self._out:
            out, self._out = bytes(self._out), bytearray()
            self._server.writer.write(out)
        await self._server.writer.drain()


def request_in(data: bytes) -> Request | None:
    """Method, target, headers and body, if `data` is one whole request of the kind that this is for, and nothing more."""
    found = _REQUEST.match(data) if len(data) <= _LONGEST else None
    if not found:
        return None
    headers = _fields(found[5])
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 or not _LEFT_ALONE.isdisjoint(names):
        return None
    body = data[found.end() :]
    lengths = [value for name, value in headers if name == b"content-length"]
    if found[1]:
        return None if lengths or body else ("GET", found[2], headers, b"")
    if lengths != [b"%d" % len(body)] or not _asks_little(body, b"content-encoding" in names):
        return None
    return "POST", found[4], headers, body


def preview_request_in(data: bytes, previews: Previews | None) -> Request | None:
    """The same, if it is any whole request for a preview."""
    found = _ANY.match(data) if previews and len(data) <= _LONGEST else None
    if not found or not previews:
        return None
    headers = _fields(found[3])
    body, host, length = data[found.end() :], None, None
    for name, value in headers:
        if name == b"host" and host is None:
            host = value
        elif name == b"content-length" and length is None:
            length = value
        elif name in _ONCE or (name in _LEFT_ALONE and value.lower() not in _HARMLESS.get(name, ())):
            return None
    if host is None or not previews.has(host) or (length or b"0") != b"%d" % len(body):
        return None
    words = {value.lower() for name, value in headers if name in (b"connection", b"upgrade")} - {b"keep-alive"}
    if words and (b"websocket" not in words or len(words) != 2 or found[1] != b"GET"):
        return None
    return found[1].decode(), found[2], headers, body


def _opens_a_socket(data: bytes) -> bool:
    """Whether `data` is the beginning of a request that may get a tunnel, and not the whole of its head.

    Proxies send heads of some kilobytes, as cookies make them, in pieces.
    """
    return (
        len(data) < _LONGEST and data.startswith(b"GET ") and b"\r\n\r\n" not in data and bool(_UPGRADES.search(data))
    )


def _fields(lines: bytes) -> list[tuple[bytes, bytes]]:
    headers = []
    for line in lines.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        headers.append((name.lower(), value.strip(b" \t")))
    return headers


def _asks_little(body: bytes, encoded: bool) -> bool:
    """Whether a short answer is likely: which refs there are, or what is new to somebody who has the rest."""
    if encoded:
        try:
            body = zlib.decompressobj(wbits=31).decompress(body, _PIECE)
        except zlib.error:
            return False
    return body.startswith(_LISTING, 4) or (body.startswith(_FETCH, 4) and _HAVE in body)


def scope_of(
    server: TCPServer, method: str, target: bytes, headers: list[tuple[bytes, bytes]]
) -> dict[str, Any] | None:
    """As hypercorn would make it; None where its own protocol is not between two requests."""
    wrapper, config = server.protocol, server.config
    protocol: Any = wrapper.protocol
    connection = getattr(protocol, "connection", None)
    if not isinstance(connection, h11.Connection) or protocol.stream:
        return None
    if connection.states != {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE} or connection.trailing_data != (b"", False):
        return None
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": "https" if wrapper.ssl else "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": config.root_path,
        "headers": headers,
        "client": wrapper.client,
        "server": wrapper.server,
        "state": wrapper.state.copy(),
        "extensions": {},
    }


class Tunnel:
    """The two directions of a client's connection, for whoever answered 101 and so changed what it is (RFC 9110, section 7.8).

    It is handed over as the extension `gitperch.tunnel` of a request to open a WebSocket.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.opened = False

    async def open(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Answer 101 with these headers, which have been validated. What is read and written from then on is the other protocol's."""
        self.opened = True
        fields = b"".join(b"%b: %b\r\n" % field for field in headers)
        await self.write(b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n" % fields)

    async def read(self) -> bytes:
        """What the client sends; b"" when it has ended."""
        return await self._reader.read(_PIECE)

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more. Raises ConnectionError."""
        self._writer.write(data)
        await self._writer.drain()


class ShortWay:
    """A connection's reader, for hypercorn: what goes the short way never comes out of it."""

    def __init__(self, server: TCPServer, reader: asyncio.StreamReader, previews: Previews | None) -> None:
        self._server = server
        self._reader = reader
        self._previews = previews
        self._used_at = 0.0
        self._cut = False  # in the middle of an answer
        self._answering = asyncio.Lock()

    def at_eof(self) -> bool:
        return self._cut or self._reader.at_eof()

    async def read(self, size: int) -> bytes:
        data = await self._more(size)
        while data:
            gits = request_in(data)
            request = gits or preview_request_in(data, self._previews)
            scope = request and scope_of(self._server, *request[:3])
            if not request or not scope:
                break
            tunnel = None
            if any(name == b"upgrade" for name, _ in request[2]):
                tunnel = scope["extensions"]["gitperch.tunnel"] = Tunnel(self._reader, self._server.writer)
            async with self._answering:
                answer = Short(self._server, self._reader, scope, request[3], held=gits is not None)
                await answer.run()
                self._used_at = asyncio.get_running_loop().time()
            if not answer.whole or answer.last or (tunnel and tunnel.opened):
                self._cut = True
                return b""  # as if the client had gone: hypercorn closes the connection
            data = answer.ahead or await self._more(size)
        return data

    async def _more(self, size: int) -> bytes:
        data = await self._reader.read(size)
        while self._previews and _opens_a_socket(data) and (more := await self._reader.read(size)):
            data += more
        return data

    async def idle(self) -> None:
        """Close the connection when it has not been used for the time that is set, by either way, or when the server stops."""
        server, loop = self._server, asyncio.get_running_loop()
        began, stopping = loop.time(), False
        while not stopping and (left := max(began, self._used_at) + server.config.keep_alive_timeout - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(server.context.terminated.wait(), left)
                stopping = True
            async with self._answering:
                pass  # what has begun is answered
        await asyncio.shield(server._initiate_server_close())  # noqa: SLF001 -- as hypercorn's own timer does


def install(previews: Previews | None = None) -> None:
    """Give every connection a short way, for requests to `previews` too. Raises ConfigError for a hypercorn that is built differently."""
    server_class = inside("asyncio.tcp_server", "TCPServer", "run", "_idle_timeout", "_initiate_server_close")
    run = server_class.run

    async def run_with_short_way(server: Any) -> None:
        way = ShortWay(server, server.reader, previews)
        server.reader = way
        server._idle_timeout = way.idle  # noqa: SLF001 -- there is no other place for it
        await run(server)

    server_class.run = run_with_short_way
