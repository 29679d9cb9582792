"""Takes the place of Apache's program for git's tests: `-k start`, `-k stop` and `-v`, with the arguments of `lib-httpd.sh`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    if "-v" in arguments:
        sys.stdout.write("Server version: Apache/2.4.66 (gitperch.transport, in its place)\n")
        return 0
    root = Path(arguments[arguments.index("-d") + 1])
    action = arguments[arguments.index("-k") + 1]
    return stop(root) if action == "stop" else start(root, arguments)


def start(root: Path, arguments: list[str]) -> int:
    """Raises OSError where somebody else listens at the address."""
    address, _, port = next(value for value in arguments if value.startswith("Listen ")).split()[1].rpartition(":")
    listening = socket.create_server((address, int(port)))  # before the fork: whoever connects from now on is served
    process = os.fork()
    if not process:
        os.setsid()
        with (root / "error.log").open("ab") as log:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.dup2(listening.fileno(), 3)
        os.closerange(4, 256)  # the tests' own descriptors: whoever reads them waits for us otherwise
        serve(root, "fd://3", secure="-DSSL" in arguments, http2="-DHTTP2" in arguments)
        os._exit(0)
    (root / "httpd.pid").write_text(f"{process}\n")
    return 0


def stop(root: Path) -> int:
    process = int((root / "httpd.pid").read_text())
    os.kill(process, signal.SIGTERM)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return 0
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    return 0


def serve(root: Path, listen: str, *, secure: bool, http2: bool) -> None:
    from contrib.conformance.site import Site
    from hypercorn.asyncio import serve as run
    from hypercorn.config import Config

    with_reasons()
    config = Config()
    config.bind = [listen]
    config.alpn_protocols = ["h2", "http/1.1"] if http2 else ["http/1.1"]
    config.keep_alive_timeout = 600
    config.graceful_timeout = 1
    if secure:
        config.certfile = config.keyfile = str(root / "httpd.pem")
    asyncio.run(run(logged(Site(root, HERE / "exec"), root / "access.log"), config))  # type: ignore[arg-type]


def with_reasons() -> None:
    """hypercorn leaves the reason phrase out, which RFC 9112 allows; git's tests read it."""
    import h11
    from contrib.conformance import cgi
    from hypercorn.protocol import h11 as protocol

    def response(*, headers: Iterable[tuple[bytes, bytes]], status_code: int, **rest: Any) -> h11.Response:
        named = [value for name, value in headers if name == cgi.REASON]
        reason = named[0] if named else HTTPStatus(status_code).phrase.encode()
        kept = [header for header in headers if header[0] != cgi.REASON]
        return h11.Response(headers=kept, status_code=status_code, reason=reason, **rest)

    protocol.h11 = type("h11", (), {**vars(h11), "Response": staticmethod(response)})  # type: ignore[assignment,attr-defined]


def logged(app: ASGIApp, log: Path) -> ASGIApp:
    """`app`, with a line for each request in Apache's common format."""

    async def logging(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        status, size = 500, 0

        async def sending(message: Message) -> None:
            nonlocal status, size
            status = message.get("status", status)
            size += len(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                note()  # before the client can see the end of it
            await send(message)

        def note() -> None:
            query = scope["query_string"].decode("latin-1")
            target = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
            version = "2.0" if scope["http_version"] == "2" else scope["http_version"]
            when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
            line = f'{scope["client"][0]} - - [{when}] "{scope["method"]} {target} HTTP/{version}" {status} {size or "-"}\n'
            with log.open("a") as file:
                file.write(line)

        return await app(scope, receive, sending)

    return logging


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
