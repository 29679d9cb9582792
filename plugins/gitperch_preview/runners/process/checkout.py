"""The files of a commit in a folder: those of its tree and nothing else, whatever the tree says.

git writes them, from a repository of a moment that has no configuration and no objects of its own: so no filter, hook or attribute of
anybody's counts. What leads out of the folder is taken away again, and pointers of Git LFS are replaced by what they stand for.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch_preview.contract import RunnerError
from gitperch_preview.runners.process import words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.contract import Log

FILES = 200_000
BYTES = 2 << 30
SPARE = 64 << 20  # what a disk keeps free
SECONDS = 300.0
TOLD = 5  # names of a kind that the log gets
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_POINTER = b"version https://"
_POINTER_SIZES = range(100, 1024)
_ATTRIBUTES = "* -text -eol -crlf -ident -filter -working-tree-encoding\n"


@dataclass
class Listing:
    """What a tree has: bytes in all, the paths of its links, and of files that are as small as pointers to large ones."""

    size: int = 0
    files: int = 0
    links: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)


async def check_out(host: Host, repo: Repository, oid: str, folder: Path, log: Log) -> None:
    """Write the files of the commit `oid` into `folder`, which must not be there. Raises RunnerError; what was written then stays."""
    if not _OID.fullmatch(oid):
        raise RunnerError(f"{oid!r} is no commit.")
    try:
        listing = await _list(host, repo, oid)
        _require_room(folder.parent, listing.size)
        await _write(host, repo, oid, folder)
        for link in (gone := await asyncio.to_thread(_without_escapes, folder, listing.links))[:TOLD]:
            log.line(f"Left out {link!r}: the link leads out of the repository")
        if len(gone) > TOLD:
            log.line(f"and {len(gone) - TOLD} more such links")
        await _large_files(host, repo, folder, listing, log)
    except GitError as error:
        if "No space left" in error.stderr or "Disk quota" in error.stderr:
            raise disk_full() from None
        raise RunnerError(f"git could not check out {oid[:12]}: {error.stderr.strip()[-300:] or error}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from None
        raise RunnerError(
            f"{oid[:12]} could not be checked out: {error.strerror}. Tell whoever runs the server."
        ) from None


def disk_full() -> RunnerError:
    return RunnerError("The server's disk is full, so nothing was kept. Tell whoever runs it, and push again later.")


def _require_room(folder: Path, size: int) -> None:
    if shutil.disk_usage(folder).free < size + SPARE:
        raise disk_full()


async def _list(host: Host, repo: Repository, oid: str) -> Listing:
    """Raises RunnerError for a tree with too much in it, before anything is written."""
    found, rest = Listing(), b""
    arguments = ("ls-tree", "-r", "-l", "-z", "--full-tree", oid)
    async with host.git.stream(*arguments, path=repo.path, timeout=SECONDS) as process:
        assert process.stdout  # noqa: S101 -- a pipe, as asked for
        while chunk := await process.stdout.read(256 << 10):
            *entries, rest = (rest + chunk).split(b"\0")
            for entry in entries:
                _note(found, entry)
            if found.files > FILES:
                raise RunnerError(f"There are more than {FILES} files in this commit; a preview can have no more.")
            if found.size > BYTES:
                raise RunnerError(
                    f"The files of this commit take more than {words.size(BYTES)}; a preview can have no more."
                )
    return found


def _note(found: Listing, entry: bytes) -> None:
    about, _, name = entry.partition(b"\t")
    mode, _, _, size = about.split()
    found.files += 1
    if not size.isdigit():
        return  # a submodule
    found.size += int(size)
    if mode == b"120000":
        found.links.append(os.fsdecode(name))
    elif int(size) in _POINTER_SIZES:
        found.small.append(os.fsdecode(name))


async def _write(host: Host, repo: Repository, oid: str, folder: Path) -> None:
    moment = folder.with_name(f"{folder.name}.git")
    for part in (folder, moment, moment / "refs", moment / "objects", moment / "info"):
        part.mkdir(0o700)
    sha256 = "\trepositoryFormatVersion = 1\n[extensions]\n\tobjectFormat = sha256\n"
    (moment / "config").write_text("[core]\n" + (sha256 if len(oid) == 64 else "\trepositoryFormatVersion = 0\n"))
    (moment / "HEAD").write_text("ref: refs/heads/none\n")
    (moment / "info" / "attributes").write_text(_ATTRIBUTES)
    environment = {
        "GIT_DIR": str(moment),
        "GIT_WORK_TREE": str(folder),
        "GIT_OBJECT_DIRECTORY": str(repo.path / "objects"),
        "GIT_NO_REPLACE_OBJECTS": "1",
    }
    await host.git.run("read-tree", "-u", "--reset", oid, timeout=SECONDS, environment=environment)
    await asyncio.to_thread(shutil.rmtree, moment)


def _without_escapes(folder: Path, links: Iterable[str]) -> list[str]:
    """Remove the links that lead out of `folder`, by whatever way; their names."""
    root = os.path.realpath(folder)
    gone = []
    for name in links:
        path = os.path.join(root, name)  # noqa: PTH118 -- names that are no text in any encoding
        led = os.path.realpath(path)
        if led != root and not led.startswith(root + "/"):
            os.unlink(path)  # noqa: PTH108
            gone.append(name)
    return gone


async def _large_files(host: Host, repo: Repository, folder: Path, listing: Listing, log: Log) -> None:
    missing = 0
    for name, content in await asyncio.to_thread(_pointers, folder, listing.small):
        stored = await host.lfs.behind(repo, content)
        if not stored:
            missing += 1
            continue
        listing.size += stored.size
        if listing.size > BYTES:
            raise RunnerError(
                f"The files of this commit take more than {words.size(BYTES)}; a preview can have no more."
            )
        _require_room(folder, stored.size)
        await asyncio.to_thread(_replace, folder, name, stored.path)
    if missing:
        log.line(f"{missing} files of Git LFS are not on this server, so their pointers stand in for them")


def _pointers(folder: Path, names: Iterable[str]) -> list[tuple[str, bytes]]:
    found = []
    for name in names:
        # Nobody but git has written here yet: above a file there are folders, not links.
        fd = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.pread(fd, len(_POINTER), 0) == _POINTER:
                found.append((name, os.pread(fd, _POINTER_SIZES.stop, 0)))
        finally:
            os.close(fd)
    return found


def _replace(folder: Path, name: str, source: Path) -> None:
    target = folder / name
    mode = target.stat().st_mode & 0o777
    target.unlink()
    shutil.copyfile(source, target, follow_symlinks=False)
    target.chmod(mode)
