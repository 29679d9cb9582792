"""What the web server and the system do with connections, set right for a small machine."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitperch.cli.short_way import Previews

DESCRIPTORS = 65_536


def allow_many() -> None:
    """Raise the limit of open files, often 1,024, as far as the system lets us: each connection is one, each git process three."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end_with_their_clients() -> None:
    """Let hypercorn close a connection when its client has.

    Version 0.18 waits for its idle timer all the same, so that a minute's worth of finished fetches stays open, with memory for each.
    Where another version is built differently, it is left alone.
    """
    from hypercorn.asyncio.tcp_server import TCPServer

    name = "_read_data"  # there is no setting for it
    read_data = getattr(TCPServer, name, None)
    if read_data is None:
        return

    async def read_until_the_end(server: TCPServer) -> None:
        await read_data(server)
        if idle := getattr(server, "idle_task", None):
            await idle.stop()

    setattr(TCPServer, name, read_until_the_end)


def never_change_to_http_2() -> None:
    """Have hypercorn answer a request that offers to go on in HTTP/2 (`Upgrade: h2c`) as any other.

    A proxy that lets such a connection through, as Caddy does, sees nothing of what comes over it afterwards: all of it would be
    believed to come from the proxy itself, whoever says so. Nobody needs it (RFC 9113, section 3.1); who knows before that we speak
    HTTP/2 begins with it. There is no setting for it.
    """
    from hypercorn.protocol.h11 import H11Protocol

    name = "_check_protocol"
    check = getattr(H11Protocol, name)  # without it we must not serve

    async def check_for_a_preface(protocol: H11Protocol, event: Any) -> None:
        if event.method == b"PRI":
            await check(protocol, event)

    setattr(H11Protocol, name, check_for_a_preface)


def take_long_messages(previews: Previews, size: int) -> None:
    """Let hypercorn take WebSocket messages of `size` bytes for previews: what their apps say to each other is theirs to know.

    There is one setting for all. Where another version is built differently, it is left alone.
    """
    from hypercorn.protocol import ws_stream

    stream: Any = getattr(ws_stream, "WSStream", None)
    if stream is None or not hasattr(stream, "handle"):
        return
    handle = stream.handle

    async def handle_by_host(self: Any, event: Any) -> None:
        if hasattr(event, "headers"):  # a request's
            host = next((value for name, value in event.headers if name == b"host"), b"")
            if previews.has(host):
                self.buffer.max_length = size
        await handle(self, event)

    stream.handle = handle_by_host


def end_with_a_message_too_long() -> None:
    """Let hypercorn let go of a WebSocket message that is too long, and of its connection.

    Version 0.18 says so to the client, and then goes on to keep whatever still comes of it, without any bound.
    """
    from hypercorn.protocol.events import StreamClosed
    from hypercorn.protocol.ws_stream import FrameTooLargeError, WebsocketBuffer, WSStream

    extend, handle_events = WebsocketBuffer.extend, WSStream._handle_events  # noqa: SLF001 -- there is no other place for it

    def extend_to_the_limit(buffer: WebsocketBuffer, event: Any) -> None:
        if buffer.length + len(event.data) > buffer.max_length:
            buffer.value, buffer.length = None, buffer.max_length + 1  # so for ever
            raise FrameTooLargeError
        extend(buffer, event)

    async def handle_events_to_the_limit(stream: WSStream) -> None:
        await handle_events(stream)
        if stream.buffer.length > stream.buffer.max_length and not stream.closed:
            await stream.send(StreamClosed(stream_id=stream.stream_id))

    setattr(WebsocketBuffer, "extend", extend_to_the_limit)  # noqa: B010 -- for the type checker
    setattr(WSStream, "_handle_events", handle_events_to_the_limit)  # noqa: B010


def send_messages_plain() -> None:
    """Let hypercorn pack no WebSocket messages: ours are short, and zlib keeps 100 KB for every page that is open.

    There is no setting for it. Where another version is built differently, it is left alone.
    """
    from hypercorn.protocol import ws_stream

    handshake = getattr(ws_stream, "Handshake", None)
    if handshake is None:
        return
    accept = handshake.accept

    def accept_without_extensions(self: Any, *arguments: Any) -> Any:
        self.extensions = None
        return accept(self, *arguments)

    handshake.accept = accept_without_extensions
