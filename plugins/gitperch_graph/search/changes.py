"""Which paths commits change, and making segments of them."""

from __future__ import annotations

import select
import subprocess
import threading
import zlib
from array import array
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from gitperch_graph.search.drafts import read_groups, written_groups
from gitperch_graph.search.folding import folded_bytes
from gitperch_graph.search.segments import PATHS, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from gitperch_graph.search.segments import Segment, Values

LIMIT = 50_000
"""Paths of one commit that are kept."""

LONGEST = 1000  # bytes of a path
ALLOWANCE = 100  # paths that a commit may change on average
CREDIT = 1 << 20  # paths by which a segment may go beyond that
SIZE = 16 << 20  # bytes of all the different paths in a segment
PATIENCE = 60.0  # seconds for the changes of one commit: a few small trees within each other can stand for billions
FAILURES = 16  # commits whose trees cannot be read, until the whole history is taken for one without trees
LEVEL = 6
DIFF = ("diff-tree", "--stdin", "--root", "--always", "-r", "-z", "--name-status", "--no-renames")
_READ = 1 << 16


class TreesUnreadable(Exception):
    """Trees are missing or damaged."""


class PathsDraft:
    """A segment of paths that grows, the oldest commit first."""

    def __init__(self) -> None:
        self.count = 0
        self._paths: dict[bytes, array[int]] = {}
        self._size = 0
        self._credit = CREDIT

    @classmethod
    def after(cls, segment: Segment) -> PathsDraft:
        """One that goes on where `segment` ends."""
        draft, lines = cls(), zlib.decompress(segment.read("paths"))
        draft._paths = read_groups(lines, segment.numbers("path_at"), segment.numbers("by_path"))
        draft._size, draft.count, draft._credit = len(lines), segment.count, ALLOWANCE
        return draft

    def add(self, names: Sequence[bytes]) -> None:
        """The next commit, and what it changes."""
        self._credit += ALLOWANCE
        for path in dict.fromkeys(folded_bytes(name[:LONGEST]) for name in names[: min(LIMIT, self._credit)]):
            rows = self._paths.get(path)
            if rows is None:
                if self._size + len(path) >= SIZE:
                    continue
                self._size += len(path) + 1
                rows = self._paths[path] = array("H")
            rows.append(self.count)
            self._credit -= 1
        self.count += 1

    def encoded(self, digest: bytes) -> bytes:
        lines, path_at, by_path = written_groups(self._paths)
        sections: dict[str, Values] = {"paths": zlib.compress(lines, LEVEL), "path_at": path_at, "by_path": by_path}
        return encoded(PATHS, self.count, digest, sections)


def changes(repository: Path, names: Sequence[str]) -> Iterator[list[bytes]]:
    """The paths that each of the commits `names` changes; none for merges, and for those that cannot be read.

    Raises TreesUnreadable where that is most of them.
    """
    done = failures = 0
    while done < len(names):
        begun, cut = done, False
        for oid, paths in _run(repository, names[done:]):
            at = names.index(oid, done)
            yield from ([] for _ in range(done, at))
            yield paths
            done, cut = at + 1, len(paths) > LIMIT
        if done == len(names):
            break
        failures += not cut  # git ended, or took too long
        if failures > FAILURES:
            raise TreesUnreadable("its trees cannot be read")
        if done == begun:
            yield []
            done += 1


def _run(repository: Path, names: Sequence[str]) -> Iterator[tuple[str, list[bytes]]]:
    """(oid, paths) of one commit after the other, as far as one git process comes."""
    with subprocess.Popen(
        ["git", f"--git-dir={repository}", *DIFF],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as git:
        assert git.stdin  # noqa: S101 -- pipes, as asked for
        assert git.stdout  # noqa: S101
        threading.Thread(target=_ask, args=(git.stdin, names), daemon=True).start()
        try:
            yield from by_commit(_tokens(git.stdout), len(names[0]))
        finally:
            git.kill()


def _ask(stdin: IO[bytes], names: Iterable[str]) -> None:
    with suppress(BrokenPipeError), stdin:
        for name in names:
            stdin.write(name.encode() + b"\n")


def by_commit(tokens: Iterator[bytes], digits: int) -> Iterator[tuple[str, list[bytes]]]:
    """(oid, paths) out of what `DIFF` says; ends with a commit of more than LIMIT paths."""
    oid, paths = "", list[bytes]()
    for token in tokens:
        if len(token) == digits:  # anything else in this place is a status, of a letter or a few digits more
            if oid:
                yield oid, paths
            oid, paths = token.decode("ascii"), []
        else:
            paths.append(next(tokens, b""))
            if len(paths) > LIMIT:
                break
    if oid:
        yield oid, paths


def _tokens(stdout: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while select.select([stdout], [], [], PATIENCE)[0]:
        data = stdout.read1(_READ)  # type: ignore[attr-defined]  # of a buffered reader
        if not data:
            return
        *whole, rest = (rest + data).split(b"\0")
        yield from whole
