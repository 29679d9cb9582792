"""The smart HTTP protocol (gitprotocol-http(5)), streamed both ways through `git upload-pack` and `git receive-pack`.

An ASGI application that knows neither people nor a database: a `Backend` says which repository a path means and whether this
request may have it. Statuses and headers are those of git's own CGI, `git http-backend`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from gitperch.errors import Forbidden
from gitperch.transport import commands, pushes
from gitperch.transport.answer import Answer
from gitperch.transport.body import Body, ClientGone
from gitperch.transport.opened import SERVICES
from gitperch.transport.uploads import Uploads

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git
    from gitperch.transport.opened import Backend, Opened, Service

_PROTOCOL = re.compile(r"[A-Za-z0-9=:._-]{1,200}")
_NEGOTIATION_LIMIT = 64 << 20  # bytes of wants and haves; a million of them


class SmartHTTP:
    """Serves `info/refs`, `git-upload-pack` and `git-receive-pack` below `/{owner}/{name}` or `/{owner}/{name}.git`."""

    def __init__(self, git: Git, backend: Backend) -> None:
        self._git = git
        self._backend = backend
        self._uploads = Uploads(git)
        self._advertisements: dict[tuple[int, int], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner, name = scope["path_params"]["owner"], scope["path_params"]["name"].removesuffix(".git")
        action = scope["path"].rpartition("/")[2]
        connection = HTTPConnection(scope)
        if action == "refs":
            await self._advertise(connection, owner, name, scope, send)
        else:
            # The route alone says which permission is needed (Gogs GHSA-wmfg-5p4h-5fw3).
            await self._exchange(connection, owner, name, SERVICES[action], receive, send)

    async def _advertise(self, connection: HTTPConnection, owner: str, name: str, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            return await _plain(send, 405, "The refs are asked for with GET.", [(b"allow", b"GET, HEAD")])
        asked = connection.query_params.get("service", "")
        service = SERVICES.get(asked)
        if not service:
            raise Forbidden(f"The service {asked[:60]!r} is not served here; git 1.6.6 and later ask for one that is.")
        opened = await self._backend.open(connection, owner, name, service, advertise=True)
        body = await self._advertisement(opened, service, _protocol(connection))
        answer = Answer(send, f"application/x-{service}-advertisement", self._git.settings.stall_seconds)
        await answer.end(body)
        return None

    async def _advertisement(self, opened: Opened, service: Service, protocol: str) -> bytes:
        version_2 = protocol == "version=2" and service == "git-upload-pack"
        config = (opened.path / "config").stat()
        key = (config.st_ino, config.st_mtime_ns)
        if version_2 and key in self._advertisements:
            return self._advertisements[key]
        async with self._git.children.turn(opened.client):
            body = await self._git.run(
                service.removeprefix("git-"),
                "--stateless-rpc",
                "--advertise-refs",
                str(opened.path),
                environment={**opened.environment, **({"GIT_PROTOCOL": protocol} if protocol else {})},
                timeout=120,
            )
        if not protocol.startswith("version=2"):
            header = f"# service={service}\n".encode()
            return f"{len(header) + 4:04x}".encode() + header + b"0000" + body
        if version_2:
            # Version 2 advertises capabilities only: a constant of git's version and the repository's configuration.
            if len(self._advertisements) > 1000:  # a bound; any would do
                self._advertisements.clear()
            self._advertisements[key] = body
        return body

    async def _exchange(
        self, connection: HTTPConnection, owner: str, name: str, service: Service, receive: Receive, send: Send
    ) -> None:
        scope = connection.scope
        if scope["method"] != "POST":
            return await _plain(send, 405, f"{service} is spoken to with POST.", [(b"allow", b"POST")])
        wanted = f"application/x-{service}-request"
        if connection.headers.get("content-type") != wanted:
            return await _plain(send, 415, f"The content type has to be {wanted}.")
        receives = service == "git-receive-pack"
        probe = receives and connection.headers.get("content-length") == "4"
        opened = await self._backend.open(connection, owner, name, service, advertise=probe)
        settings = self._git.settings
        answer = Answer(send, f"application/x-{service}-result", settings.stall_seconds)
        if probe:
            # Before a chunked body, git POSTs a lone flush packet to learn whether it has to sign in.
            return await answer.end()
        # Over the limit of a pack, git is to say so: its sentence reaches the pusher, where a status would be all that is shown.
        limit = settings.push_max_bytes + commands.BYTES if receives else _NEGOTIATION_LIMIT
        body = Body(receive, connection.headers.get("content-encoding", ""), limit, settings.stall_seconds)
        with contextlib.suppress(ClientGone):
            if receives:
                await self._push(opened, body, answer, _protocol(connection))
            else:
                await self._uploads.answer(opened, body, answer, _protocol(connection))
        return None

    async def _push(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        async with self._git.children.turn(opened.client):
            told = False
            try:
                told = await pushes.receive(self._git, opened, body, answer, protocol)
            finally:
                await asyncio.shield(self._backend.ended(opened, told=told))
        await answer.end()


def _protocol(connection: HTTPConnection) -> str:
    """The `Git-Protocol` header, if it is of the form that git sends (gitprotocol-v2(5)); nothing else reaches git's environment."""
    value = connection.headers.get("git-protocol", "")
    return value if _PROTOCOL.fullmatch(value) else ""


async def _plain(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    start = [(b"content-type", b"text/plain; charset=utf-8"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})
