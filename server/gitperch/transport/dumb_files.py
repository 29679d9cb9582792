"""The dumb HTTP protocol (gitprotocol-http(5)): what a client that only knows files reads, as git's CGI gives it out."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from gitperch.errors import NotFound
from gitperch.git import GitError
from gitperch.transport.answer import NO_CACHE, Answer
from gitperch.transport.body import ClientGone

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Send

    from gitperch.git import Git
    from gitperch.transport.opened import Opened

NAMES = (
    r"HEAD|objects/info/(?:alternates|http-alternates|packs)|objects/[0-9a-f]{2}/(?:[0-9a-f]{38}|[0-9a-f]{62})"
    r"|objects/pack/pack-(?:[0-9a-f]{40}|[0-9a-f]{64})\.(?:pack|idx)"
)
_TYPES = {".pack": "application/x-git-packed-objects", ".idx": "application/x-git-packed-objects-toc"}
_YEAR = 31_536_000
_PIECE = 256 << 10


async def answer(git: Git, opened: Opened, name: str, send: Send) -> None:
    """One file, `name` below the repository: `info/refs`, or one of `NAMES`. Raises NotFound for one that is not there."""
    stall = git.settings.stall_seconds
    if name in ("info/refs", "HEAD"):
        async with git.children.turn(opened.client):
            text = await (_refs(git, opened) if name == "info/refs" else _head(git, opened))
        await Answer(send, "text/plain", stall, NO_CACHE if name == "info/refs" else ()).whole(text)
    elif name == "objects/info/packs":
        listed = await asyncio.to_thread(_packs, opened.path)
        await Answer(send, "text/plain; charset=utf-8", stall).whole(listed)
    elif name.startswith("objects/info/"):
        await _file(opened.path / name, Answer(send, "text/plain", stall))
    else:
        # Named by what is in it, so it never changes.
        lasting = formatdate(time.time() + _YEAR, usegmt=True).encode()
        caching = ((b"expires", lasting), (b"cache-control", b"public, max-age=%d" % _YEAR))
        path = opened.path / name
        await _file(path, Answer(send, _TYPES.get(path.suffix, "application/x-git-loose-object"), stall, caching))


async def _file(path: Path, answer: Answer) -> None:
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError:
        raise NotFound("This file is not in the repository.") from None
    with file:
        status = path.stat()
        answer.length(status.st_size)
        answer.header(b"last-modified", formatdate(status.st_mtime, usegmt=True).encode())
        try:
            while chunk := await asyncio.to_thread(file.read, _PIECE):
                await answer.write(chunk)
        except ClientGone:
            return
    await answer.end()


async def _refs(git: Git, opened: Opened) -> bytes:
    try:
        output = await git.run("show-ref", "--dereference", path=opened.path, environment=opened.environment)
    except GitError as error:
        if error.status != 1:  # which is what git says where there is no ref at all
            raise
        output = b""
    space = _namespace(opened)
    lines = (line.partition(b" ") for line in output.splitlines())
    return b"".join(b"%s\t%s\n" % (oid, ref.removeprefix(space)) for oid, _, ref in lines if ref.startswith(space))


async def _head(git: Git, opened: Opened) -> bytes:
    """`ref: ` and what HEAD points to, or its oid where it is detached; nothing where that is yet to be born."""
    space = _namespace(opened)
    head = (space + b"HEAD").decode("utf-8", "surrogateescape")
    if not (oid := await _said(git, opened, "rev-parse", "--verify", "--quiet", "--end-of-options", head)):
        return b""
    target = await _said(git, opened, "symbolic-ref", "--quiet", head)
    return b"ref: " + target.removeprefix(space) if target else oid


async def _said(git: Git, opened: Opened, *arguments: str) -> bytes:
    try:
        return await git.run(*arguments, path=opened.path, environment=opened.environment)
    except GitError as error:
        if error.status != 1:
            raise
        return b""


def _namespace(opened: Opened) -> bytes:
    """The prefix of the refs in the environment's namespace (gitnamespaces(7))."""
    parts = [part for part in opened.environment.get("GIT_NAMESPACE", "").split("/") if part]
    return b"".join(b"refs/namespaces/%s/" % part.encode("utf-8", "surrogateescape") for part in parts)


def _packs(path: Path) -> bytes:
    packs = [pack for pack in (path / "objects" / "pack").glob("pack-*.pack") if pack.with_suffix(".idx").exists()]
    packs.sort(key=lambda pack: -pack.stat().st_mtime)
    return b"".join(b"P %s\n" % pack.name.encode() for pack in packs) + b"\n"
