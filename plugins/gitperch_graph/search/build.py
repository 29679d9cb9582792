"""Making segments in a process of its own, which needs nothing but git.

    python -m gitperch_graph.search.build REPOSITORY FOLDER texts|paths

Standard input says which: for each segment its number, its count of commits and the size of an oid in bytes (32-bit numbers in
this machine's byte order), then the oids, the oldest first. A segment of which the beginning is there already is continued.
When one is in its place, its number is written to standard output as a line.
"""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from gitperch_graph.search import segments
from gitperch_graph.search.changes import PathsDraft, TreesUnreadable, changes
from gitperch_graph.search.drafts import RAW_LIMIT, TextsDraft
from gitperch_graph.search.segments import PATHS, TEXTS, Layout, Segment, SegmentUnusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NICENESS = 10
MEMORY = 512 << 20  # bytes of data of this process, and of git
REQUEST = struct.Struct("=III")
_SKIPPED = 1 << 16


class TextsUnreadable(Exception):
    """git cannot give the commits: objects are missing or damaged."""


def make(repository: Path, folder: Path, layout: Layout, number: int, oid_size: int, oids: bytes) -> None:
    """Write segment `number` of the commits `oids`. Raises TextsUnreadable and TreesUnreadable."""
    path = layout.file(folder, number)
    old = _begun(layout, path, oids, oid_size)
    missing = oids[old.count * oid_size if old else 0 :]
    names = [missing[at : at + oid_size].hex() for at in range(0, len(missing), oid_size)]
    draft: TextsDraft | PathsDraft
    if layout is TEXTS:
        draft = TextsDraft.after(old) if old else TextsDraft()
        for data in commits(repository, names) if names else ():
            draft.add(data)
    else:
        draft = PathsDraft.after(old) if old else PathsDraft()
        for paths in changes(repository, names):
            draft.add(paths)
    if draft.count * oid_size != len(oids):
        raise TextsUnreadable("git gave fewer commits than there are")
    segments.write(path, draft.encoded(segments.digest_of(oids)))


def _begun(layout: Layout, path: Path, oids: bytes, oid_size: int) -> Segment | None:
    """What is there already, if it is the beginning of what is wanted."""
    with suppress(SegmentUnusable):
        old = Segment.open(layout, path)
        begin = oids[: old.count * oid_size]
        if len(begin) == old.count * oid_size and old.digest == segments.digest_of(begin):
            return old
    return None


def commits(repository: Path, names: Sequence[str]) -> Iterator[bytes]:
    """The first RAW_LIMIT bytes of each commit; b"" for one that is not there, so that one missing object hides no other."""
    asking = ["git", f"--git-dir={repository}", "cat-file", "--batch", "--buffer"]
    with subprocess.Popen(asking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1 << 18) as git:
        assert git.stdin  # noqa: S101 -- pipes, as asked for
        assert git.stdout  # noqa: S101
        threading.Thread(target=_ask, args=(git.stdin, names), daemon=True).start()
        try:
            while line := git.stdout.readline():
                _, kind, *length = line.split()
                yield _read(git.stdout, int(length[0])) if length else b""
                if length and kind != b"commit":
                    raise TextsUnreadable("an object is no commit")
        finally:
            git.kill()


def _ask(stdin: IO[bytes], names: Sequence[str]) -> None:
    with suppress(BrokenPipeError), stdin:
        for name in names:
            stdin.write(name.encode() + b"\n")


def _read(stdout: IO[bytes], length: int) -> bytes:
    """The beginning of an object's content; the rest, and the line feed behind it, is passed over."""
    data = stdout.read(min(length, RAW_LIMIT))
    left = length - len(data) + 1
    while left:
        skipped = len(stdout.read(min(left, _SKIPPED)))
        if not skipped:
            raise TextsUnreadable("git ended early")
        left -= skipped
    return data


def main() -> int:
    repository, folder = map(Path, sys.argv[1:3])
    layout = {one.name: one for one in (TEXTS, PATHS)}[sys.argv[3]]
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    folder.mkdir(parents=True, exist_ok=True)
    stdin, stdout = sys.stdin.buffer, sys.stdout
    try:
        while request := stdin.read(REQUEST.size):
            number, count, oid_size = REQUEST.unpack(request)
            oids = stdin.read(count * oid_size)
            if len(oids) != count * oid_size:
                return 0  # nobody wants it any more
            make(repository, folder, layout, number, oid_size, oids)
            stdout.write(f"{number}\n")
            stdout.flush()
    except (TextsUnreadable, TreesUnreadable, OSError, MemoryError) as error:
        sys.stderr.write(f"{error or 'not enough memory'}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
