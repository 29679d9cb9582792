"""The smart HTTP protocol (gitprotocol-http(5)), streamed both ways through `git upload-pack` and `git receive-pack`.

An ASGI application that knows neither people nor a database: a `Backend` says which repository a path means and whether this
request may have it. Statuses and headers are those of git's own CGI, `git http-backend`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from starlette.requests import HTTPConnection

from gitperch.errors import Busy, Forbidden
from gitperch.git.listing import Listings
from gitperch.git.process import READ_SIZE
from gitperch.transport import ls_refs
from gitperch.transport.body import Body, ClientGone
from gitperch.transport.commands import bounded
from gitperch.transport.hooks_pipe import HookPipe

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git
    from gitperch.transport.hooks_pipe import Receiver

log = logging.getLogger("gitperch.transport")

Service = Literal["git-upload-pack", "git-receive-pack"]
SERVICES: dict[str, Service] = {"git-upload-pack": "git-upload-pack", "git-receive-pack": "git-receive-pack"}
_PROTOCOL = re.compile(r"[A-Za-z0-9=:._-]{1,200}")
_NO_CACHE = [
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
]
_NEGOTIATION_LIMIT = 64 << 20  # bytes of wants and haves; a million of them


@dataclass(frozen=True)
class Opened:
    """A repository that this request may have. `receiver` hears of a push's refs before and after they move."""

    path: Path
    receiver: Receiver | None = None


class Backend(Protocol):
    async def open(
        self, connection: HTTPConnection, owner: str, name: str, service: Service, *, advertise: bool
    ) -> Opened:
        """The repository for a request. `advertise`: it only asks which refs there are, or whether it may.

        Raises AppError: Unauthorized with wrong or missing credentials, NotFound, Forbidden.
        """

    async def ended(self, opened: Opened, *, told: bool) -> None:
        """A push is over. `told` is False when refs may have moved without a word to the receiver."""


class SmartHTTP:
    """Serves `info/refs`, `git-upload-pack` and `git-receive-pack` below `/{owner}/{name}` or `/{owner}/{name}.git`."""

    def __init__(self, git: Git, backend: Backend) -> None:
        self._git = git
        self._backend = backend
        self._advertisements: dict[tuple[int, int], bytes] = {}
        self._listings = Listings(git)

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
        body = await self._advertisement(opened.path, service, _protocol(connection))
        content_type = f"application/x-{service}-advertisement".encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type), *_NO_CACHE]}
        )
        await send({"type": "http.response.body", "body": body})
        return None

    async def _advertisement(self, path: Path, service: Service, protocol: str) -> bytes:
        version_2 = protocol == "version=2" and service == "git-upload-pack"
        config = (path / "config").stat()
        key = (config.st_ino, config.st_mtime_ns)
        if version_2 and key in self._advertisements:
            return self._advertisements[key]
        async with self._turn():
            command = service.removeprefix("git-")
            body = await self._git.run(
                command,
                "--stateless-rpc",
                "--advertise-refs",
                str(path),
                environment=_environment(protocol),
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
        headers = [(b"content-type", f"application/x-{service}-result".encode()), *_NO_CACHE]
        probe = service == "git-receive-pack" and connection.headers.get("content-length") == "4"
        opened = await self._backend.open(connection, owner, name, service, advertise=probe)
        if probe:
            # Before a chunked body, git POSTs a lone flush packet to learn whether it has to sign in.
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return None
        pushes = service == "git-receive-pack"
        limit = self._git.settings.push_max_bytes if pushes else _NEGOTIATION_LIMIT
        body = Body(receive, connection.headers.get("content-encoding", ""), limit, self._git.settings.stall_seconds)
        answer = _Answer(send, headers, self._git.settings.stall_seconds)
        with contextlib.suppress(ClientGone):
            if not pushes and (listed := await self._ls_refs(opened.path, body, _protocol(connection))):
                await answer.write(listed)
                return await answer.end()
            async with self._turn():
                if pushes:
                    await self._receive_pack(opened, body, answer, _protocol(connection))
                else:
                    await self._upload_pack(opened.path, body, answer, _protocol(connection))
        return None

    async def _ls_refs(self, path: Path, body: Body, protocol: str) -> bytes | None:
        """The answer to `ls-refs`, without a process; None for anything else."""
        if protocol != "version=2":
            return None
        request = ls_refs.parse(await body.whole(ls_refs.LIMIT) or b"")
        listing = await self._listings.of(path) if request else None
        if not request or not listing:
            return None
        if len(listing.entries) > ls_refs.AT_ONCE:
            return await asyncio.to_thread(ls_refs.answer, request, listing)
        return ls_refs.answer(request, listing)

    async def _upload_pack(self, path: Path, body: Body, answer: _Answer, protocol: str) -> None:
        arguments = ("upload-pack", "--stateless-rpc", str(path))
        seconds = self._git.settings.request_seconds
        git = self._git.stream(*arguments, environment=_environment(protocol), timeout=seconds, check=False)
        # A client that goes away ends the block, and with it git's process group.
        async with git as process, _beside(_feed(body, process, body.gone)):
            await _relay(process, answer)
        await answer.end()

    async def _receive_pack(self, opened: Opened, body: Body, answer: _Answer, protocol: str) -> None:
        arguments = ("receive-pack", "--stateless-rpc", str(opened.path))
        told = False
        assert opened.receiver  # noqa: S101 -- the backend's part of the contract for pushes
        try:
            with HookPipe(opened.receiver) as hooks:
                git = self._git.stream(
                    *arguments,
                    environment=_environment(protocol) | hooks.environment,
                    timeout=self._git.settings.request_seconds,
                    pass_fds=hooks.inherited,
                    check=False,
                )
                # Once all of it is here, a push is finished even if the client does not wait for the answer.
                async with git as process, _beside(_feed(bounded(body), process), hooks.serve()):
                    await _relay(process, answer, patient=True)
                told = hooks.moved
        finally:
            await asyncio.shield(self._backend.ended(opened, told=told))
        await answer.end()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the places for git processes that serve clients. Raises Busy when none gets free in time."""
        try:
            async with asyncio.timeout(self._git.settings.wait_seconds):
                await self._git.children.acquire()
        except TimeoutError:
            raise Busy("The server is busy with other clones and pushes. Try again in a minute.") from None
        try:
            yield
        finally:
            self._git.children.release()


class _Answer:
    """The response, begun with its first bytes, so that what fails before can still have a status of its own."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], stall_seconds: float) -> None:
        self._send = send
        self._headers = headers
        self._stall_seconds = stall_seconds
        self._begun = False

    async def write(self, data: bytes) -> None:
        """Raises ClientGone when the client takes nothing for `stall_seconds`."""
        try:
            async with asyncio.timeout(self._stall_seconds):
                if not self._begun:
                    self._begun = True
                    await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
                await self._send({"type": "http.response.body", "body": data, "more_body": True})
        except TimeoutError:
            raise ClientGone from None

    async def end(self) -> None:
        if not self._begun:
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await self._send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block: cancelled at its end; whatever fails first, here or there, ends all and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
            yield
            for task in tasks:
                task.cancel()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _feed(
    body: AsyncIterable[bytes],
    process: asyncio.subprocess.Process,
    then: Callable[[], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """The request's body into git, and `then` what is to be done."""
    assert process.stdin  # noqa: S101 -- a pipe, as asked for
    try:
        async for chunk in body:
            process.stdin.write(chunk)
            await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # git has heard enough; what it says of it is on its way
    finally:
        process.stdin.close()
    if then:
        await then()


async def _relay(process: asyncio.subprocess.Process, answer: _Answer, *, patient: bool = False) -> None:
    """git's output to the client. With `patient`, git is heard out even when the client does not listen any more."""
    assert process.stdout  # noqa: S101 -- a pipe, as asked for
    listening = True
    while chunk := await process.stdout.read(READ_SIZE):
        if listening:
            try:
                await answer.write(chunk)
            except ClientGone:
                if not patient:
                    raise
                listening = False


def _environment(protocol: str) -> dict[str, str]:
    return {"GIT_PROTOCOL": protocol} if protocol else {}


def _protocol(connection: HTTPConnection) -> str:
    """The `Git-Protocol` header, if it is of the form that git sends (gitprotocol-v2(5)); nothing else reaches git's environment."""
    value = connection.headers.get("git-protocol", "")
    return value if _PROTOCOL.fullmatch(value) else ""


async def _plain(send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    start = [(b"content-type", b"text/plain; charset=utf-8"), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": text.encode() + b"\n"})
