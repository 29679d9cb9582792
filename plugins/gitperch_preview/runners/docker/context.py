"""The files of a commit that an image is built from, as `git archive` packs them, without what `.dockerignore` keeps out."""

from __future__ import annotations

import asyncio
import tarfile
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.docker.ignoring import BYTES, FILE, Ignored, patterns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gitperch.git import Git
    from gitperch_preview.contract import Log

_READ = 256 << 10
_SECONDS = 600.0
_PAX_BYTES = 1 << 20  # of the names of one file
_ZEROS = bytes(tarfile.BLOCKSIZE)


async def ignored(git: Git, path: Path, tree: str, dockerfile: str, log: Log) -> Ignored | None:
    """What the tree says is to be left out: in a file beside its Dockerfile, named for it, or else in `.dockerignore`. None for nothing.

    Raises RunnerError where that file cannot be meant so.
    """
    for name in (f"{dockerfile}{FILE}", FILE):
        try:
            found = (await git.run("ls-tree", "-lz", "--full-tree", tree, "--", name, path=path)).split()
        except GitError as error:
            raise RunnerError(f"The commit cannot be read for its image: {error.stderr.strip()[-300:]}") from None
        if not found or not found[0].startswith(b"100"):
            continue
        if int(found[3]) > BYTES:
            raise RunnerError(f"{name} is larger than {BYTES >> 10} KB.")
        text = (await git.run("cat-file", "blob", found[2].decode("ascii"), path=path)).decode(
            "utf-8", "surrogateescape"
        )
        if those := patterns(text, name):
            log.line(f"What {name} names is left out")
            # The engine reads these two, and then takes them away itself where they are left out.
            return Ignored(those, {dockerfile, FILE})
        return None
    return None


async def archive(git: Git, path: Path, tree: str, without: Ignored | None) -> AsyncIterator[bytes]:
    """The tree as a tar archive, bit by bit. Raises RunnerError where it cannot be read."""
    sieve = Sieve(without) if without else None
    try:
        async with git.stream("archive", "--format=tar", tree, path=path, timeout=_SECONDS) as process:
            assert process.stdin  # noqa: S101 -- pipes, as asked for
            assert process.stdout  # noqa: S101
            process.stdin.close()
            while chunk := await process.stdout.read(_READ):
                left = await asyncio.to_thread(sieve.feed, chunk) if sieve else chunk
                if left:
                    yield left
    except GitError as error:
        raise RunnerError(f"The commit cannot be read for its image: {error.stderr.strip()[-300:]}") from None


class Sieve:
    """Lets through of a tar archive of git's what is not ignored (pax(1): a member may have a header before it, with its long name)."""

    def __init__(self, without: Ignored) -> None:
        self._without = without
        self._rest = bytearray()
        self._held = b""  # the header before a member
        self._path = ""
        self._size: int | None = None
        self._ahead = 0  # bytes of the member that come
        self._wanted = True

    def feed(self, data: bytes) -> bytes:
        """The next bytes of the archive in, those that are to be had out."""
        self._rest += data
        out = bytearray()
        while self._rest:
            if self._ahead:
                taken = self._rest[: self._ahead]
                del self._rest[: len(taken)]
                self._ahead -= len(taken)
                out += taken if self._wanted else b""
            elif not self._member(out):
                break
        return bytes(out)

    def _member(self, out: bytearray) -> bool:
        """Take the header of the next member; False where more of it has to come."""
        header = bytes(self._rest[: tarfile.BLOCKSIZE])
        if len(header) < tarfile.BLOCKSIZE:
            return False
        if header == _ZEROS:  # the end
            self._wanted, self._ahead = True, len(self._rest)
            return True
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        if member.type == tarfile.XHDTYPE:
            if member.size > _PAX_BYTES:
                raise RunnerError("A name in the commit is too long for an image.")
            whole = tarfile.BLOCKSIZE + _padded(member.size)
            if len(self._rest) < whole:
                return False
            self._held = bytes(self._rest[:whole])
            self._read(self._held[tarfile.BLOCKSIZE :][: member.size])
            del self._rest[:whole]
            return True
        path = self._path or member.name
        self._wanted = member.type == tarfile.XGLTYPE or path.rstrip("/") not in self._without
        if self._wanted:
            out += self._held + header
        self._ahead = _padded(member.size if self._size is None else self._size)
        self._held, self._path, self._size = b"", "", None
        del self._rest[: tarfile.BLOCKSIZE]
        return True

    def _read(self, records: bytes) -> None:
        while records:
            length = int(records.partition(b" ")[0])
            name, _, value = records[:length].partition(b" ")[2].removesuffix(b"\n").partition(b"=")
            if name == b"path":
                self._path = value.decode("utf-8", "surrogateescape")
            elif name == b"size":
                self._size = int(value)
            records = records[length:]


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
