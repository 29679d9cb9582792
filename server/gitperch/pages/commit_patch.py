"""A commit as `git format-patch` would write it, or its bare diff, straight from git."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gitperch.accounts.access import client_address
from gitperch.git.diff.changes import COMMON

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from gitperch.git.commits import Commit
    from gitperch.pages.repository import RepositoryPage

CHUNK = 256 << 10
LIMIT = 256 << 20  # bytes; what is larger is cut off, and the connection with it, so that nobody takes it for whole
_SHOWN = ("--full-index", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "-M")


class _LeftError(Exception):
    """Nobody reads any more, or there is too much: leaving by an exception ends git."""


class StreamedPatch(Response):
    """`mail`: with the message, for `git am`; else the diff alone. A merge is shown against its first parent."""

    media_type = "text/plain"

    def __init__(self, page: RepositoryPage, commit: Commit, *, mail: bool) -> None:
        ending = "patch" if mail else "diff"
        super().__init__(
            None,
            200,
            {
                "cache-control": "private, max-age=3600",
                "content-disposition": f'inline; filename="{commit.oid[:12]}.{ending}"',
                "content-security-policy": "sandbox; default-src 'none'",
                "vary": "cookie, authorization",
                "x-content-type-options": "nosniff",
            },
        )
        del self.headers["content-length"]
        self._git = page.host.git
        self._path = page.repository.path
        self._arguments = _mail(commit) if mail else _diff(commit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            return await super().__call__(scope, receive, send)
        async with self._git.children.turn(client_address(HTTPConnection(scope))):
            gone = asyncio.ensure_future(_gone(receive))
            try:
                await self._pass(send, gone)
            except _LeftError:
                pass
            finally:
                gone.cancel()

    async def _pass(self, send: Send, gone: asyncio.Future[None]) -> None:
        settings, sent = self._git.settings, 0
        async with self._git.stream(*self._arguments, path=self._path, timeout=settings.request_seconds) as process:
            assert process.stdin  # noqa: S101 -- pipes, as `stream` makes them
            assert process.stdout  # noqa: S101
            process.stdin.close()
            # What fails at once becomes a page that says so.
            chunk = await process.stdout.read(CHUNK)
            if chunk:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while chunk:
                sent += len(chunk)
                if gone.done() or sent > LIMIT:
                    raise _LeftError
                try:
                    async with asyncio.timeout(settings.stall_seconds):
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
                except TimeoutError:
                    raise _LeftError from None
                chunk = await process.stdout.read(CHUNK)
        if not sent:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b""})


def _mail(commit: Commit) -> tuple[str, ...]:
    if len(commit.parents) > 1:
        shown = ("show", "--format=email", "--first-parent", "-m", "--patch-with-stat", *_SHOWN)
    else:
        shown = ("format-patch", "--stdout", "-1", "--root", "--no-signature", *_SHOWN)
    return (*shown, "--end-of-options", commit.oid, "--")


def _diff(commit: Commit) -> tuple[str, ...]:
    options = [option for option in COMMON if option != "-z" and not option.startswith("--abbrev")]
    given = (
        ("--end-of-options", commit.parents[0], commit.oid)
        if commit.parents
        else ("--root", "--end-of-options", commit.oid)
    )
    return ("diff-tree", *options, "--binary", "-p", "-M", *given, "--")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
