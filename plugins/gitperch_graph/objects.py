"""Reading objects: by libgit2, and by git itself where libgit2 does not know the hash function."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch_graph.packs import Packs

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_SECONDS = 30.0


class Read(Protocol):
    def __call__(self, oid: str, /) -> tuple[str, bytes]:
        """(type, content) of an object. Raises KeyError where there is none."""


def libgit2_knows(path: Path) -> bool:
    """Whether libgit2 can open the repository; its releases know SHA-1 only."""
    try:
        config = (path / "config").read_text("utf-8", "replace")
    except FileNotFoundError:
        return True
    return "sha256" not in config.lower()


def reader(repository: LibgitRepository) -> Read:
    """Reads objects of a repository that is open in libgit2's executor."""
    import pygit2  # late, as in the host

    # Nearly everything is in a pack. To ask there first halves the time: `repository.read` looks for a loose object, too, each time.
    first = next(iter(repository.odb.backends), None)
    read_first: Callable[[str], tuple[int, bytes]] = first.read if first else repository.read

    def read(oid: str, /) -> tuple[str, bytes]:
        try:
            kind, data = read_first(oid)
        except (KeyError, ValueError, pygit2.GitError):
            try:
                kind, data = repository.read(oid)
            except (ValueError, pygit2.GitError):
                raise KeyError(oid) from None
        return _KINDS.get(int(kind), ""), data

    return read


class PackedReader:
    """Reads objects of a repository that is open in libgit2's executor; the commits that are announced out of its `packs`."""

    def __init__(self, repository: LibgitRepository, packs: Packs) -> None:
        self._repository = repository
        self._packs = packs
        self._found: dict[str, bytes] = {}

    def announce(self, oids: Sequence[str]) -> None:
        """These are going to be read, and none that were announced before."""
        self._found = self._packs.commits(oids)

    def __call__(self, oid: str, /) -> tuple[str, bytes]:
        """As `Read`."""
        data = self._found.get(oid)
        return self._others(oid) if data is None else ("commit", data)

    @cached_property
    def _others(self) -> Read:
        return reader(self._repository)


async def fetched(git: Git, path: Path, oids: Iterable[str]) -> Read:
    """Reads the objects `oids`, which one git process has given all at once. Raises GitError."""
    stdin = "".join(f"{oid}\n" for oid in oids).encode()
    output = await git.run("cat-file", "--batch", path=path, stdin=stdin, timeout=_SECONDS)
    found = {oid: (kind, data) for oid, kind, data in batch(output)}
    return found.__getitem__


def batch(output: bytes) -> Iterator[tuple[str, str, bytes]]:
    """(oid, type, content) of what `git cat-file --batch` says; what it does not have is left out."""
    at = 0
    while at < len(output):
        end = output.index(b"\n", at)
        oid, kind, *size = output[at:end].decode("ascii", "replace").split()
        at = end + 1
        if size:
            yield oid, kind, output[at : at + int(size[0])]
            at += int(size[0]) + 1
