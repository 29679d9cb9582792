"""WebSockets that share their connection with other requests (HTTP/2), or whose request came in pieces: message by message.

The others are tunnels (`Exchange.tunnel`). Loaded when it is needed: `websockets` is a megabyte.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from gitperch_preview.gateway import headers
from gitperch_preview.gateway.connections import CONNECT_SECONDS, Late, Unreachable
from gitperch_preview.gateway.exchange import guard
from gitperch_preview.gateway.heads import Answer, BadAnswer
from gitperch_preview.reaching import connected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send
    from websockets.http11 import Request as Handshake

    from gitperch_preview.contract import Upstream

LONGEST = 1 << 20  # bytes of a message, which has to be whole here, a few times over, for each socket (`apps.RELAYED`)
_CLOSE_SECONDS = 5.0
_WAITING = 1  # frames; then the app waits


class _Client(ClientProtocol):
    """Asks as the visitor did: same host, same fields."""

    def __init__(self, request: headers.Request, scope: Scope) -> None:
        target = request.head.split(b" ", 2)[1].decode()
        subprotocols = [Subprotocol(name) for name in scope["subprotocols"]]
        super().__init__(parse_uri(f"ws://app{target}"), subprotocols=subprotocols or None, max_size=LONGEST)
        self._request = request

    def connect(self) -> Handshake:
        made = super().connect()
        del made.headers["Host"]
        made.headers["Host"] = self._request.host.decode("latin-1")
        for name, value in self._request.fields():
            if not name.startswith("sec-websocket-"):
                made.headers[name] = value
        return made


async def relay(
    upstream: Upstream,
    request: headers.Request,
    scope: Scope,
    receive: Receive,
    send: Send,
    seconds: float,
    still: Callable[[], Awaitable[bool]],
) -> None:
    """Open the WebSocket of `scope` at the app, and pass messages on until either end closes.

    Raises Unreachable, Late or BadAnswer where nothing was sent yet. An app that declines has its answer passed on.
    """
    app = await _opened(upstream, request, scope, seconds)
    if isinstance(app, InvalidStatus):
        body = bytes(app.response.body or b"")
        fields = [(b"content-type", app.response.headers.get("Content-Type", "text/plain").encode("latin-1"))]
        fields.append((b"content-length", b"%d" % len(body)))
        await send({"type": "websocket.http.response.start", "status": app.response.status_code, "headers": fields})
        return await send({"type": "websocket.http.response.body", "body": body})
    cookies = [(b"set-cookie", value.encode("latin-1")) for value in _cookies(app)]
    answer = Answer(101, cookies, 0, chunked=False, lasting=False)
    own = headers.answer(answer, request, private=False)
    await send({"type": "websocket.accept", "subprotocol": app.subprotocol, "headers": own})
    sending = asyncio.ensure_future(_to_app(app, receive))
    guarding = asyncio.ensure_future(guard(still, app.transport.abort))
    try:
        while True:
            message = await app.recv()
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except ConnectionClosed as closed:
        code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1011, "")
        if not sending.done():
            await send({"type": "websocket.close", "code": 1000 if code == 1005 else code, "reason": reason})
    finally:
        sending.cancel()
        guarding.cancel()
        app.transport.abort()
    return None


async def _opened(
    upstream: Upstream, request: headers.Request, scope: Scope, seconds: float
) -> ClientConnection | InvalidStatus:
    try:
        protocol = _Client(request, scope)
    except InvalidURI:
        raise headers.Refused("The address of this WebSocket cannot be passed on.") from None
    limits: dict[str, Any] = {"ping_interval": None, "close_timeout": _CLOSE_SECONDS, "max_queue": _WAITING}
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, app = await connected(upstream, lambda: ClientConnection(protocol, **limits))
    except OSError:
        raise Unreachable from None
    try:
        async with asyncio.timeout(seconds):
            await app.handshake(user_agent_header=None)
    except BaseException as error:
        app.transport.abort()
        if isinstance(error, InvalidStatus):
            return error
        if isinstance(error, TimeoutError):
            raise Late from None
        if isinstance(error, InvalidHandshake | EOFError | OSError):
            raise BadAnswer("its answer opens no WebSocket") from None
        raise
    return app


def _cookies(app: ClientConnection) -> list[str]:
    return app.response.headers.get_all("Set-Cookie") if app.response else []


async def _to_app(app: ClientConnection, receive: Receive) -> None:
    try:
        while (message := await receive())["type"] != "websocket.disconnect":
            text = message.get("text")
            await app.send(message["bytes"] if text is None else text)
        await app.close(1001 if message.get("code") == 1006 else message.get("code", 1000))
    except ConnectionClosed:
        pass
