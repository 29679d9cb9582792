"""The first thing every request meets: where it really comes from, and which site it is for."""

from __future__ import annotations

import functools
import ipaddress
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

from gitperch.config import ConfigError
from gitperch.errors import AppError
from gitperch.transport.opened import SERVICES
from gitperch.unread import with_unread_taken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from gitperch.config import Config
    from gitperch.host import Host

GIT_PATHS = ("info/refs", *SERVICES)
"""What follows a repository's address where git asks for something."""
_GITS = re.compile(rf"/[^/]+/[^/]+/(?:{'|'.join(GIT_PATHS)})", re.DOTALL)
_FAILURE = "gitperch.failure"


class Doorway:
    """Hands a request to the host's own site, or to the plugin that has a site under the name it asked for.

    A name that is neither ours nor a plugin's is refused: a page of another origin that resolves to this address (DNS rebinding)
    then gets nothing. Addresses are let in, since no such page can have one as its name.
    """

    def __init__(self, app: Starlette, config: Config) -> None:
        self._app = app
        self._own = {config.host_name, "localhost"}
        self.failure: AppError | ConfigError | None = None
        self._trusted = frozenset(config.trusted_proxies)
        self._by_file = bool(config.proxy_socket)
        self.git: ASGIApp | None = None
        """Serves what git asks for. It is asked most, and in haste, so that nothing stands before it."""

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Keep what stopped the start: the server would only pass its text on."""
        try:
            yield
        except (AppError, ConfigError) as error:
            self.failure = error
            raise

    async def closing(self) -> None:
        """Let go of connections that would last, before the server waits for all of them."""
        host: Host = self._app.state.host
        await host.plugins.closing()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host: Host = self._app.state.host
            return await with_unread_taken(self._enter, host.tasks, scope, receive, send)
        return await self._enter(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        client = scope.get("client")
        # Nobody has no address but who comes by the Unix socket.
        if client[0] in self._trusted if client else self._by_file:
            _believe(scope, headers, self._trusted)
        name = host_name(headers.get("host", ""))
        if name in self._own or _is_address(name):
            if self.git and scope["type"] == "http" and _GITS.fullmatch(scope["path"]):
                return await self._gits(self.git, scope, receive, send)
            return await self._app(scope, receive, send)
        host: Host = self._app.state.host
        if site := await host.plugins.site(name):
            return await site(scope, receive, send)
        if scope["path"] == "/healthz":  # whoever looks after the server may not know its name
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await WebSocketClose(1008)(scope, receive, send)
        text = f"Nothing is served here under the name {name[:200]!r}. If it should be, set base_url to it.\n"
        return await PlainTextResponse(text, 421)(scope, receive, send)

    async def _gits(self, git: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await git(scope, receive, sending)
        except Exception as error:
            if begun:
                raise
            await self._app({**scope, _FAILURE: error}, receive, send)


class Failed:
    """What raises again, where errors are drawn, what a request of git's has raised before it was answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise scope[_FAILURE]


def host_name(header: str) -> str:
    """The name in a Host header, lower case, without port and final dot."""
    name = header.rpartition(":")[0] if not header.endswith("]") and ":" in header else header
    return name.lower().rstrip(".")


@functools.lru_cache(100)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _believe(scope: Scope, headers: Headers, trusted: frozenset[str]) -> None:
    """Take client address and scheme from a trusted proxy: the last address in X-Forwarded-For that is not a proxy's own."""
    addresses = [part.strip() for value in headers.getlist("x-forwarded-for") for part in value.split(",")]
    client = next((address for address in reversed(addresses) if address not in trusted), None)
    if client:
        scope["client"] = (client, 0)
    scheme = headers.get("x-forwarded-proto", "")
    if scheme in ("http", "https"):
        secure = scheme == "https"
        scope["scheme"] = {"http": scheme, "websocket": "wss" if secure else "ws"}[scope["type"]]
