"""A file as an HTTP response (RFC 9110): entity tags, conditions, ranges, gzip, and a stream for what is large."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch_preview import kinds, sites
from gitperch_preview.keep import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygit2.repository import Repository as LibgitRepository
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from gitperch.git import Git
    from gitperch.repositories import Repository
    from gitperch_preview.sites import File

READ_SECONDS = 30.0
BODIES = 4 << 20  # bytes of small files kept in memory
PACK_FROM, PACK_TO = 1000, 2 << 20  # bytes; outside, gzip costs more than it saves
_CHUNK = 256 << 10
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True)
class Span:
    """Bytes `start` to before `end` of a file. An empty span: the range asked for lies outside."""

    start: int
    end: int


class Files:
    """Makes responses of blobs."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._bodies: Kept[tuple[int, str, bool], bytes] = Kept(BODIES, weight=len)

    async def response(
        self, request: Request, repo: Repository, file: File, status: int, headers: Mapping[str, str]
    ) -> Response:
        """The response for `file` with `status`; conditions and ranges count for 200 only."""
        span = requested_span(request, file) if status == 200 else None
        packable = kinds.is_packable(file.kind) and PACK_FROM <= file.size <= PACK_TO
        packed = packable and span is None and accepts_gzip(request.headers.get("accept-encoding", ""))
        tag = f'"{file.oid}-gzip"' if packed else f'"{file.oid}"'
        sent = {"content-type": file.kind, "etag": tag, "accept-ranges": "bytes", **headers}
        if packable:
            sent["vary"] = ", ".join(filter(None, (sent.get("vary"), "Accept-Encoding")))
        if status == 200 and matches(request.headers.get("if-none-match", ""), tag):
            del sent["content-type"]
            return Response(None, 304, sent)
        if span and span.start >= span.end:
            return Response(b"", 416, {**sent, "content-range": f"bytes */{file.size}", "content-length": "0"})
        if span:
            status = 206
            sent["content-range"] = f"bytes {span.start}-{span.end - 1}/{file.size}"
        span = span or Span(0, file.size)
        sent["content-length"] = str(span.end - span.start)
        if request.method == "HEAD" and not packed:
            return Response(b"", status, sent)
        if file.size >= sites.LARGE_FILE:
            return Streamed(self._git, repo, file.oid, span, status, sent)
        body = await self._body(repo, file.oid, packed=packed)
        if packed:
            sent |= {"content-encoding": "gzip", "content-length": str(len(body))}
            span = Span(0, len(body))
        return Response(b"" if request.method == "HEAD" else body[span.start : span.end], status, sent)

    async def _body(self, repo: Repository, oid: str, *, packed: bool) -> bytes:
        body = self._bodies.get((repo.id, oid, packed))
        if body is not None:
            return body
        async with asyncio.timeout(READ_SECONDS):
            body = await self._git.look_up(repo.path, _packed if packed else sites.load, oid)
        return self._bodies.put((repo.id, oid, packed), body)


class Streamed(Response):
    """A large blob, straight from `git cat-file`, ended when the client goes away or takes nothing any more."""

    def __init__(
        self, git: Git, repo: Repository, oid: str, span: Span, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(None, status, dict(headers))
        self._git = git
        self._path = repo.path
        self._oid = oid
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._git.children.turn(client_address(HTTPConnection(scope))):
            gone = asyncio.ensure_future(gone_from(receive))
            try:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                with contextlib.suppress(_LeftError):
                    await self._pass(send, gone)
            finally:
                gone.cancel()

    async def _pass(self, send: Send, gone: asyncio.Future[None]) -> None:
        settings, span, at = self._git.settings, self._span, 0
        arguments = ("cat-file", "blob", self._oid)
        async with self._git.stream(*arguments, path=self._path, timeout=settings.request_seconds) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            while at < span.end and (chunk := await process.stdout.read(_CHUNK)):
                part = chunk[max(span.start - at, 0) : span.end - at]
                at += len(chunk)
                if gone.done():
                    raise _LeftError
                if part:
                    try:
                        async with asyncio.timeout(settings.stall_seconds):
                            await send({"type": "http.response.body", "body": part, "more_body": True})
                    except TimeoutError:
                        raise _LeftError from None
            if at >= span.end:
                await send({"type": "http.response.body", "body": b""})
            if await process.stdout.read(1):
                raise _LeftError  # the rest of the file is not wanted: leaving by an exception ends git


class _LeftError(Exception):
    """Nobody reads any more."""


async def gone_from(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def requested_span(request: Request, file: File) -> Span | None:
    """The one range that a GET asks for, cut to the file; None where it asks for all, or for what we need not honour."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if not match or request.method != "GET" or match[0] == "bytes=-":
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition.strip() != f'"{file.oid}"':
        return None
    first, last = match[1], match[2]
    if not first:
        return Span(max(file.size - int(last), 0), file.size)
    if last and int(last) < int(first):
        return None
    return Span(int(first), min(int(last) + 1, file.size) if last else file.size)


def matches(header: str, tag: str) -> bool:
    """Whether an If-None-Match header names `tag`, by the weak comparison that it calls for."""
    return header.strip() == "*" or tag in _TAG.findall(header)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header takes gzip."""
    for part in header.lower().split(","):
        coding, _, weight = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _packed(repository: LibgitRepository, oid: str) -> bytes:
    return gzip.compress(sites.load(repository, oid), 6, mtime=0)
