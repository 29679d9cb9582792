"""gitperch serve"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

from gitperch import memory
from gitperch.cli import connections
from gitperch.cli.proxy_socket import proxy_socket
from gitperch.config import LOCK, Config, ConfigError, with_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import TextIOWrapper

    from gitperch.first_start import Welcome

PREVIEW_MESSAGE = 1 << 20  # bytes


def serve(config: Config) -> int:
    """Serve until SIGINT or SIGTERM. Raises ConfigError where the address or the data folder cannot be had."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    memory.tune()
    gc.disable()  # until the server is up: nearly all that a start makes stays, and looking for the rest is a tenth of its time
    connections.allow_many()
    config.data.mkdir(parents=True, exist_ok=True)
    config.data.chmod(0o700)
    with _only_one(config) as lock, proxy_socket(config.proxy_socket) as for_proxy:
        listener = _listen(config)
        config = with_port(config, listener.getsockname()[1])
        # Commands in other processes name addresses too, and were not given this one's flags.
        lock.truncate(0)
        print(config.base_url, file=lock, flush=True)
        # To the very end the port stays ours: an app of a preview could take it, and with it whatever a proxy in front sends.
        os.dup(listener.fileno())
        asyncio.run(_serve(config, [one for one in (listener, for_proxy) if one]))
    return 0


async def _serve(config: Config, listeners: Sequence[socket.socket]) -> None:
    # Here and not above, so that `gitperch user add` does not wait for a web server to load.
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config as HypercornConfig
    from hypercorn.utils import LifespanFailureError

    from gitperch.app import create_app
    from gitperch.cli import short_way

    connections.end_with_their_clients()
    connections.send_messages_plain()
    connections.end_with_a_message_too_long()
    connections.never_change_to_http_2()
    previews = short_way.Previews(config.preview_domain, config.host_name)
    short_way.install(previews)
    connections.take_long_messages(previews, PREVIEW_MESSAGE)
    settings = HypercornConfig()
    # Of its own: it closes them.
    settings.bind = [f"fd://{os.dup(listener.fileno())}" for listener in listeners]
    settings.loglevel = "WARNING"
    settings.include_server_header = False
    settings.graceful_timeout = 3.0
    settings.shutdown_timeout = 10.0
    settings.keep_alive_timeout = 75.0
    # After so many, HTTP/2 is told that the connection is over, with all answers that are on their way, and that of the last request.
    settings.keep_alive_max_requests = sys.maxsize
    settings.websocket_max_message_size = 64 << 10
    settings.h11_max_incomplete_size = 64 << 10
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    app = create_app(config, _greet)

    async def stopped() -> None:
        await stop.wait()
        await app.closing()

    try:
        await hypercorn_serve(app, settings, shutdown_trigger=stopped)  # type: ignore[arg-type]
    except LifespanFailureError as error:
        raise app.failure or error from None


def _greet(welcome: Welcome) -> None:
    print("\n".join(welcome.lines()), flush=True)
    # What start-up made stays for good; the collector need not look at it, not even once.
    gc.freeze()
    gc.enable()


def _listen(config: Config) -> socket.socket:
    host, port = config.listen_address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections inherit it: a WebSocket whose client is gone without a word ends within two minutes.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Connections inherit it: the kernel drops one whose client takes nothing for so long, with all that waits in it.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(config.git.stall_seconds * 1500))
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"Cannot listen on {config.listen}: {error.strerror}. Choose another with --listen HOST:PORT."
        ) from None
    return listener


def _only_one(config: Config) -> TextIOWrapper:
    """The lock of the data folder, held as long as the file is open."""
    file = (config.data / LOCK).open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ConfigError(
            f"Another server works on {config.data}. Stop it, or choose another folder with --data."
        ) from None
    return file
