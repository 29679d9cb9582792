"""The smart HTTP protocol (gitprotocol-http(5)), streamed both ways through git's own programs.

An ASGI application that knows neither people nor a database: a `Backend` says which repository a path means and whether this
request may have it. Statuses and headers are those of git's own CGI, `git http-backend`.
"""

from __future__ import annotations

import asyncio
import functools
import re
import traceback
from typing import TYPE_CHECKING

from starlette.datastructures import QueryParams
from starlette.requests import HTTPConnection

from gitperch.errors import Forbidden, NotFound
from gitperch.git import GitError
from gitperch.git.listing import Listings
from gitperch.transport import archives, commands, dumb_files, pushes
from gitperch.transport.advertisements import Advertisements
from gitperch.transport.answer import NO_CACHE, Answer
from gitperch.transport.body import Body, ClientGone
from gitperch.transport.opened import SERVICES, GitRequest
from gitperch.transport.relay import relay
from gitperch.transport.uploads import Uploads

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git
    from gitperch.transport.clones.counters import Counters
    from gitperch.transport.opened import Backend, Opened, Service

_URL = re.compile(rf"(.*)/(info/refs|{'|'.join(SERVICES)}|{dumb_files.NAMES})", re.DOTALL)
_PROTOCOL = re.compile(r"[A-Za-z0-9=:._-]{1,200}")
_NEGOTIATION_LIMIT = 64 << 20  # bytes of wants and haves; a million of them


class SmartHTTP:
    """Serves what git asks for below a repository's path, however deep that is; the backend has the last word on both."""

    def __init__(self, git: Git, backend: Backend) -> None:
        self._git = git
        self._backend = backend
        listings = Listings(git)
        self._uploads = Uploads(git, listings)
        self._advertisements = Advertisements(git, listings)

    @property
    def counters(self) -> Counters:
        """What became of the clones that were asked for."""
        return self._uploads.counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises AppError as the backend does, and NotFound for an address that git's CGI does not know."""
        root = scope.get("root_path", "").rstrip("/") + "/"
        path = scope["path"]
        found = _URL.fullmatch(path.removeprefix(root[:-1]) if path.startswith(root) else path)
        if not found:
            raise NotFound("Nothing that git asks for has this address.")
        path, name = found.groups()
        connection = HTTPConnection(scope)
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        # The path alone says which permission is needed (Gogs GHSA-wmfg-5p4h-5fw3); the query counts on `info/refs` only.
        service = SERVICES.get(name)
        if method != ("POST" if service else "GET"):
            return await _wrong_method(scope, send, "POST" if service else "GET, HEAD")
        if service:
            return await self._exchange(connection, path, service, receive, send)
        if name == "info/refs" and (asked := _service(scope["query_string"])) is not None:
            return await self._advertise(connection, path, asked, send)
        opened = await self._backend.open(GitRequest(connection, path, None))
        return await dumb_files.answer(self._git, opened, name, send)

    async def _advertise(self, connection: HTTPConnection, path: str, asked: str, send: Send) -> None:
        service = SERVICES.get(asked)
        if not service or service == "git-upload-archive":  # which has no refs to announce
            # What is not there is 404 first.
            await self._backend.open(GitRequest(connection, path, None, advertise=True))
            raise Forbidden(f"The service {asked[:60]!r} is not served here; git 1.6.6 and later ask for one that is.")
        opened = await self._backend.open(GitRequest(connection, path, service, advertise=True))
        protocol = _protocol(connection, opened)
        answer = Answer(send, f"application/x-{service}-advertisement", self._git.settings.stall_seconds)
        if _version(protocol) != 2:
            header = f"# service={service}\n".encode()
            answer.before(b"%04x%s0000" % (len(header) + 4, header))
        if (made := await self._advertisements.of(opened, service, protocol)) is not None:
            return await answer.end(made)  # without its length, which git's CGI does not say here either
        await self._advertised(opened, service, protocol, answer)
        return await answer.end()

    async def _advertised(self, opened: Opened, service: Service, protocol: str, answer: Answer) -> None:
        """Relay git's advertisement."""
        git = self._git.stream(
            service.removeprefix("git-"),
            "--stateless-rpc",
            "--advertise-refs",
            str(opened.path),
            environment=opened.speaking(protocol),
            timeout=120,
        )
        try:
            async with self._git.children.turn(opened.client), git as process:
                assert process.stdin  # noqa: S101 -- a pipe, as `stream` makes it
                process.stdin.close()
                await relay(process, answer)
        except GitError:
            if not answer.begun:
                raise  # otherwise git has said what is wrong in its own protocol

    async def _exchange(
        self, connection: HTTPConnection, path: str, service: Service, receive: Receive, send: Send
    ) -> None:
        wanted, sent = f"application/x-{service}-request", connection.headers.get("content-type", "")
        receives = service == "git-receive-pack"
        probe = receives and connection.headers.get("content-length") == "4"
        opened = await self._backend.open(GitRequest(connection, path, service, advertise=probe or sent != wanted))
        if sent != wanted:
            text = f"Expected POST with Content-Type '{wanted}', but received '{sent[:200]}' instead.\n"
            return await _status(send, 415, body=text)
        settings = self._git.settings
        answer = Answer(send, f"application/x-{service}-result", settings.stall_seconds)
        if probe:
            # Before a chunked body, git POSTs a lone flush packet to learn whether it has to sign in.
            return await answer.end()
        # Over the limit of a pack, git is to say so: its sentence reaches the pusher, where a status would be all that is shown.
        limit = settings.push_max_bytes + commands.BYTES if receives else _NEGOTIATION_LIMIT
        body = Body(receive, connection.headers.get("content-encoding", ""), limit, settings.stall_seconds)
        protocol = _protocol(connection, opened)
        try:
            if receives:
                await self._push(opened, body, answer, protocol)
            elif service == "git-upload-archive":
                await archives.answer(self._git, opened, body, answer)
            else:
                await self._uploads.answer(opened, body, answer, protocol)
        except ClientGone as gone:
            # It and the frames refer to each other in circles: what they hold, open files too, would wait for the garbage collector.
            traceback.clear_frames(gone.__traceback__)

    async def _push(self, opened: Opened, body: Body, answer: Answer, protocol: str) -> None:
        async with self._git.receivers.turn(opened.client):
            told = False
            try:
                following = await pushes.receive(self._git, opened, body, answer, protocol)
                told = True
            finally:
                await asyncio.shield(self._backend.ended(opened, told=told))
        if following:  # without the place, which others may need meanwhile
            await following.tell()
        await answer.end()


@functools.lru_cache(100)
def _service(query: bytes) -> str | None:
    """The last `service` in a query; None where there is none, which is how the dumb protocol asks."""
    return QueryParams(query).get("service")


def _protocol(connection: HTTPConnection, opened: Opened) -> str:
    """What git is told of the protocol's version: the environment's word, as with git's CGI, before the client's header.

    A header that is not of the form that git sends (gitprotocol-v2(5)) does not reach git's environment.
    """
    if "GIT_PROTOCOL" in opened.environment:
        return opened.environment["GIT_PROTOCOL"]
    value = connection.headers.get("git-protocol", "")
    return value if _PROTOCOL.fullmatch(value) else ""


def _version(protocol: str) -> int:
    """The newest version that is asked for and known, as git's `determine_protocol_version_server` finds it."""
    return max((version for version in (0, 1, 2) if f"version={version}" in protocol.split(":")), default=0)


async def _wrong_method(scope: Scope, send: Send, allowed: str) -> None:
    if scope["http_version"] == "1.0":  # which knows no 405
        return await _status(send, 400)
    return await _status(send, 405, (b"allow", allowed.encode()))


async def _status(send: Send, status: int, *headers: tuple[bytes, bytes], body: str = "") -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*NO_CACHE, *headers]})
    await send({"type": "http.response.body", "body": body.encode()})
