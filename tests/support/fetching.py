"""Fetches over plain sockets, byte by byte, and a look into the packs that come."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
import subprocess
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch.transport.packets import packet
from gitperch.transport.uploads import Uploads
from support.server import GIT_ENVIRONMENT, git

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from gitperch.transport.clones import Clones
    from support.house import House

CAPABILITIES = ("thin-pack", "no-progress", "ofs-delta")


def body(wants: Iterable[str], *lines: str, capabilities: Iterable[str] = CAPABILITIES) -> bytes:
    """A fetch without haves in protocol v2, for SHA-1 or, by the length of the wants, SHA-256."""
    wanted = list(wants)
    kind = "sha256" if len(wanted[0]) == 64 else "sha1"
    said = [*capabilities, *lines, *(f"want {oid}" for oid in wanted), "done"]
    arguments = b"".join(packet(line.encode() + b"\n") for line in said)
    return packet(b"command=fetch") + packet(b"object-format=" + kind.encode()) + b"0001" + arguments + b"0000"


@dataclass
class Stream:
    """One answer that can be taken as slowly as one likes. `length` is what its Content-Length says, -1 for chunks."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: int
    length: int
    _body: bytearray = field(default_factory=bytearray)

    async def some(self, size: int) -> None:
        """Take at least so many bytes of the body."""
        while len(self._body) < size:
            assert await self._more()

    async def rest(self) -> bytes:
        """The whole body. Raises IncompleteReadError where the connection ends before it should."""
        try:
            while await self._more():
                pass
        finally:
            self.close()
            with contextlib.suppress(ConnectionError):
                await self.writer.wait_closed()
        return bytes(self._body)

    async def _more(self) -> bool:
        if self.length >= 0:
            size = min(64 << 10, self.length - len(self._body))
            self._body += await self.reader.readexactly(size)
        else:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            self._body += (await self.reader.readexactly(size + 2))[:-2]
        return bool(size)

    def close(self) -> None:
        self.writer.close()


async def begin(it: House, full_name: str, asked: bytes, token: str = "") -> Stream:
    # A small window, so that a client that does not read holds up whoever waits for it.
    reader, writer = await asyncio.open_connection("127.0.0.1", it.port, limit=64 << 10)
    head = [
        f"POST /{full_name}.git/git-upload-pack HTTP/1.1",
        f"Host: localhost:{it.port}",
        "Git-Protocol: version=2",
        "Content-Type: application/x-git-upload-pack-request",
        f"Content-Length: {len(asked)}",
    ]
    if token:
        head.append(f"Authorization: Basic {b64encode(f'alice:{token}'.encode()).decode()}")
    writer.write("\r\n".join([*head, "", ""]).encode() + asked)
    try:
        said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    except asyncio.CancelledError:
        writer.close()
        raise
    length = said.partition("content-length: ")[2].partition("\r\n")[0]
    return Stream(reader, writer, int(said.split()[1]), int(length or -1))


async def ask(it: House, full_name: str, asked: bytes, token: str = "") -> bytes:
    """The whole body of an answer of status 200."""
    stream = await begin(it, full_name, asked, token)
    assert stream.status == 200
    return await stream.rest()


def pack(answer: bytes) -> bytes:
    """The pack inside an answer that has to be whole and without an error."""
    at, found, inside = 0, [], False
    while at < len(answer):
        size = int(answer[at : at + 4], 16)
        payload = answer[at + 4 : at + size]
        if inside and payload:
            assert payload[0] != 3, payload
            found.append(payload[1:] if payload[0] == 1 else b"")
        assert not payload.startswith(b"ERR"), payload
        inside = inside or payload == b"packfile\n"
        at += max(size, 4)
    assert answer.endswith(b"0000")
    return b"".join(found)


def objects(data: bytes, folder: Path, object_format: str = "sha1") -> set[str]:
    """The oids of everything in a pack, which has to hold all that its objects name."""
    shutil.rmtree(folder, ignore_errors=True)
    git("init", "--bare", "--quiet", f"--object-format={object_format}", str(folder))
    command = ["git", "index-pack", "--stdin", "--strict"]
    done = subprocess.run(command, cwd=folder, input=data, env=GIT_ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)", cwd=folder).stdout.split())


def reached(path: Path, *revisions: str) -> set[str]:
    """What git says that `revisions` reach."""
    return {line.split()[0] for line in git("rev-list", "--objects", *revisions, cwd=path).stdout.splitlines()}


def check_clone(clone: Path, path: Path) -> None:
    """That a clone of all branches and tags of `path` is whole, and its refs the same."""
    done = git("fsck", "--full", "--strict", cwd=clone)
    assert done.returncode == 0, done.stderr
    listing = ("for-each-ref", "--format=%(objectname) %(refname:lstrip=-1)", "refs/heads", "refs/tags")
    bare = git("rev-parse", "--is-bare-repository", cwd=clone).stdout.strip() == "true"
    if bare:
        assert git(*listing, cwd=clone).stdout == git(*listing, cwd=path).stdout
    assert git("rev-parse", "HEAD", cwd=clone).stdout == git("rev-parse", "HEAD", cwd=path).stdout


def watch(monkeypatch: pytest.MonkeyPatch) -> list[Clones]:
    """What will answer the clones of the house that is made next, for its counters."""
    made: list[Clones] = []
    begun = Uploads.__init__

    def remember(self: Uploads, *arguments: object) -> None:
        begun(self, *arguments)  # type: ignore[arg-type]
        made.append(self._clones)

    monkeypatch.setattr(Uploads, "__init__", remember)
    return made


class Brake:
    """The real git, whose `upload-pack` stops after `size` bytes of its answer until it is released, or told to die there."""

    def __init__(self, it: House, folder: Path, size: int) -> None:
        folder.mkdir()
        self._folder = folder
        real = shutil.which("git")
        script = folder / "git"
        script.write_text(f"""#!/bin/sh
[ "$1" = upload-pack ] || exec {real} "$@"
echo $$ >> {folder}/begun
{real} "$@" > {folder}/said.$$
head -c {size} {folder}/said.$$
until [ -e {folder}/go ]; do sleep 0.02; done
[ -e {folder}/die ] && kill -9 $$
tail -c +{size + 1} {folder}/said.$$
""")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        it.host.git.environment["PATH"] = f"{folder}:{os.environ['PATH']}"

    @property
    def begun(self) -> list[int]:
        """The process ids of all that were started."""
        file = self._folder / "begun"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def release(self) -> None:
        (self._folder / "go").touch()

    def die(self) -> None:
        (self._folder / "die").touch()
        self.release()

    def reset(self) -> None:
        for name in ("go", "die"):
            (self._folder / name).unlink(missing_ok=True)
