"""What the web server and the system do with connections, set right for a small machine."""

from __future__ import annotations

import functools
import importlib
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitperch.config import ConfigError

if TYPE_CHECKING:
    from gitperch.cli.short_way import Previews

DESCRIPTORS = 65_536
HYPERCORN = "0.18"
"""The version whose inside is known here. What is put right in it keeps strangers out and memory bounded, so no other is served with."""


def inside(module: str, owner: str, *names: str) -> Any:
    """The class `owner` of hypercorn, which has all of `names`. Raises ConfigError where this hypercorn is built differently."""
    try:
        found = getattr(importlib.import_module(f"hypercorn.{module}"), owner)
        missing = next((f"{owner}.{name}" for name in names if not hasattr(found, name)), None)
    except (ImportError, AttributeError):
        missing = f"{module}.{owner}"
    here = version("hypercorn")
    if missing or not here.startswith(f"{HYPERCORN}."):
        why = f" ({missing} is missing)" if missing else ""
        raise ConfigError(
            f"hypercorn {here} is built differently from {HYPERCORN}, which this server was made for{why}."
            f" Install the one that requirements.lock names: pip install 'hypercorn=={HYPERCORN}.*'."
        )
    return found


@functools.cache
def version(distribution: str) -> str:
    """As importlib.metadata's, which would bring twenty modules along to read what a folder beside hypercorn's is called."""
    import hypercorn

    folder = next(Path(hypercorn.__file__).parents[1].glob(f"{distribution}-*.dist-info"), None)
    if folder:
        return folder.name.removeprefix(f"{distribution}-").removesuffix(".dist-info")
    from importlib import metadata

    return metadata.version(distribution)


def allow_many() -> None:
    """Raise the limit of open files, often 1,024, as far as the system lets us: each connection is one, each git process three."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end_with_their_clients() -> None:
    """Let hypercorn close a connection when its client has.

    Version 0.18 waits for its idle timer all the same, so that a minute's worth of finished fetches stays open, with memory for each.
    There is no setting for it.
    """
    server_class = inside("asyncio.tcp_server", "TCPServer", "_read_data")
    read_data = server_class._read_data  # noqa: SLF001

    async def read_until_the_end(server: Any) -> None:
        await read_data(server)
        await server.idle_task.stop()

    server_class._read_data = read_until_the_end  # noqa: SLF001


def never_change_to_http_2() -> None:
    """Have hypercorn answer a request that offers to go on in HTTP/2 (`Upgrade: h2c`) as any other.

    A proxy that lets such a connection through, as Caddy does, sees nothing of what comes over it afterwards: all of it would be
    believed to come from the proxy itself, whoever says so. Nobody needs it (RFC 9113, section 3.1); who knows before that we speak
    HTTP/2 begins with it. There is no setting for it.
    """
    protocol_class = inside("protocol.h11", "H11Protocol", "_check_protocol")
    check = protocol_class._check_protocol  # noqa: SLF001

    async def check_for_a_preface(protocol: Any, event: Any) -> None:
        if event.method == b"PRI":
            await check(protocol, event)

    protocol_class._check_protocol = check_for_a_preface  # noqa: SLF001


def take_long_messages(previews: Previews, size: int) -> None:
    """Let hypercorn take WebSocket messages of `size` bytes for previews: what their apps say to each other is theirs to know.

    There is one setting for all.
    """
    stream = inside("protocol.ws_stream", "WSStream", "handle")
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
    stream_closed = inside("protocol.events", "StreamClosed")
    too_large = inside("protocol.ws_stream", "FrameTooLargeError")
    buffer_class = inside("protocol.ws_stream", "WebsocketBuffer", "extend")
    stream_class = inside("protocol.ws_stream", "WSStream", "_handle_events")
    extend, handle_events = buffer_class.extend, stream_class._handle_events  # noqa: SLF001

    def extend_to_the_limit(buffer: Any, event: Any) -> None:
        if buffer.length + len(event.data) > buffer.max_length:
            buffer.value, buffer.length = None, buffer.max_length + 1  # so for ever
            raise too_large
        extend(buffer, event)

    async def handle_events_to_the_limit(stream: Any) -> None:
        await handle_events(stream)
        if stream.buffer.length > stream.buffer.max_length and not stream.closed:
            await stream.send(stream_closed(stream_id=stream.stream_id))

    buffer_class.extend = extend_to_the_limit
    stream_class._handle_events = handle_events_to_the_limit  # noqa: SLF001


def send_messages_plain() -> None:
    """Let hypercorn pack no WebSocket messages: ours are short, and zlib keeps 100 KB for every page that is open.

    There is no setting for it.
    """
    handshake = inside("protocol.ws_stream", "Handshake", "accept")
    accept = handshake.accept

    def accept_without_extensions(self: Any, *arguments: Any) -> Any:
        self.extensions = None
        return accept(self, *arguments)

    handshake.accept = accept_without_extensions
