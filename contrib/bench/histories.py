"""Histories as `git fast-import` takes them: large ones with the merges of everyday work, and wild ones with all that git allows.

    python -m contrib.bench.histories PATH --commits 100000 --branches 50 [--documents 6000] [--wild]

The same arguments always give the same oids.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from contrib.bench.documents import Documents

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_500_000_000  # Unix seconds of the first commit
PEOPLE = ["Ada Lovelace", "Grace Hopper", "Barbara Liskov", "Edsger Dijkstra", "Radia Perlman", "Ken Thompson"]
VERBS = "Add Fix Simplify Explain Test Remove Rename Speed-up Document Guard".split()
NOUNS = "parser index cache lexer scheduler renderer socket buffer planner allocator".split()
WORK = b"refs/graph/work"  # where fast-import puts what it writes; gone at the end
PAUSE = 2000  # seconds at most between two commits, less where there are so many that the last would be in the future
LONGEST = 250_000_000  # seconds from the first commit to the last
OPEN_AT_ONCE = 12  # branches that are worked on at a time


def generate(
    path: Path,
    *,
    commits: int,
    branches: int = 10,
    seed: int = 0,
    wild: bool = False,
    documents: int = 0,
    object_format: str = "sha1",
) -> Path:
    """A new bare repository at `path` with `commits` commits; its default branch is `main`. Returns `path`.

    `branches` others are left open at the end; everything else was merged on the way. `wild` adds octopus and criss-cross
    merges, several roots, tags of tags, tags of blobs, messages that are not UTF-8, authors without a name, and clocks that run wrong.
    Trees are empty, unless there are `documents`: so many paths, of which each commit that is no merge changes one.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    init = ("init", "--bare", "--quiet", "--initial-branch=main", f"--object-format={object_format}")
    subprocess.run(["git", *init, str(path)], env=environment, check=True)
    # fast-import tries a delta against the file before alone, which is another document; `git repack -F` finds the right ones.
    packing = ["-c", "pack.compression=1"] if documents else []
    importing = ["git", f"--git-dir={path}", *packing, "fast-import", "--quiet", "--force"]
    importing.append(f"--depth={0 if documents else 10}")
    with subprocess.Popen(importing, env=environment, stdin=subprocess.PIPE) as process:
        assert process.stdin
        dice = random.Random(seed)  # noqa: S311 -- histories, no secrets
        writer = _Writer(process.stdin, dice, wild, 64 if object_format == "sha256" else 40, documents)
        writer.write(commits, branches)
    if process.returncode:
        raise RuntimeError(f"git fast-import ended with {process.returncode}")
    return path


class _Writer:
    """Writes one history; marks number the commits from 1."""

    def __init__(self, out: IO[bytes], dice: random.Random, wild: bool, oid_digits: int, documents: int) -> None:
        self._oid_digits = oid_digits
        self._out = out
        self._dice = dice
        self._wild = wild
        self._documents = Documents(random.Random(documents), documents) if documents else None  # noqa: S311 -- no secrets
        self._mark = 0
        self._now = START
        self._pause = PAUSE
        self._open: list[int] = []  # the tips of branches that are worked on

    def write(self, commits: int, branches: int) -> None:
        if not commits:
            return
        self._pause = min(PAUSE, 2 * LONGEST // commits)
        main = self._commit([])
        while self._mark < commits - branches - OPEN_AT_ONCE:
            main = self._step(main)
        while len(self._open) > branches and self._mark < commits:
            main = self._commit([main, self._open.pop()])
        for number, tip in enumerate(self._tips(branches)):
            self._reset(f"refs/heads/topic-{number:04}", tip)
        while self._mark < commits:
            main = self._commit([main])
        self._reset("refs/heads/main", main)
        for number in range(1, 1 + min(1000, commits // 100)):
            self._tag(f"v{number}", number * 100)
        if self._wild:
            self._strange_tags(main)
        self._out.write(b"reset %s\nfrom %s\n\n" % (WORK, b"0" * self._oid_digits))

    def _step(self, main: int) -> int:
        """One more commit; the tip of `main` after it."""
        chance = self._dice.random()
        if self._open and chance < 0.18:
            tip = self._open.pop(self._dice.randrange(len(self._open)))
            return self._commit([main, tip])
        if len(self._open) < OPEN_AT_ONCE and chance < 0.40:
            self._open.append(self._commit([main]))
            return main
        if self._open and chance < 0.85:
            at = self._dice.randrange(len(self._open))
            catching_up = self._dice.random() < 0.05
            self._open[at] = self._commit([self._open[at], main] if catching_up else [self._open[at]])
            return main
        if self._wild and chance < 0.93:
            return self._wild_step(main)
        return self._commit([main])

    def _wild_step(self, main: int) -> int:
        kind = self._dice.randrange(4)
        if kind == 0 and len(self._open) > 2:
            legs = self._dice.sample(self._open, self._dice.randint(3, min(8, len(self._open))))
            self._open = [tip for tip in self._open if tip not in legs]
            return self._commit([main, *legs])
        if kind == 1 and self._open:
            other = self._open[0]  # criss-cross: each side merges what the other was
            self._open[0] = self._commit([other, main])
            return self._commit([main, other])
        if kind == 2 and self._dice.random() < 0.2:
            self._open.append(self._commit([]))  # another root
            return main
        if kind == 3 and self._mark > 10:
            self._open.append(self._commit([self._dice.randint(1, self._mark)]))  # work on something old
            return main
        return self._commit([main])

    def _tips(self, branches: int) -> Iterator[int]:
        for number in range(branches):
            if number < len(self._open):
                yield self._open[number]
            else:
                yield self._commit([self._dice.randint(max(1, self._mark - 5000), self._mark)])

    def _commit(self, parents: list[int]) -> int:
        self._mark += 1
        self._now += self._dice.randint(1, self._pause)
        when = self._now
        if self._wild and self._dice.random() < 0.03:
            when += self._dice.choice([-90_000_000, -3600, 0, 40_000, -self._now])
        name = self._dice.choice(PEOPLE)
        email = f"{name.split()[0].lower()}@example.com"
        message = f"{self._dice.choice(VERBS)} the {self._dice.choice(NOUNS)} ({self._mark})\n".encode()
        encoding = b""
        if self._wild:
            name, message, encoding = self._strange_words(name, message)
        if not parents:
            self._out.write(b"reset %s\n\n" % WORK)
        lines = [
            b"commit " + WORK,
            b"mark :%d" % self._mark,
            f"author {name} <{email}> {when} +0100".replace("author  <", "author <").encode(),
            f"committer {name} <{email}> {when} +0100".replace("committer  <", "committer <").encode(),
            *([b"encoding " + encoding] if encoding else []),
            b"data %d\n%s" % (len(message), message),
        ]
        if parents:
            lines.append(b"from :%d" % parents[0])
            lines += [b"merge :%d" % parent for parent in parents[1:]]
        if self._documents and len(parents) < 2:
            lines.append(self._documents.change())
        self._out.write(b"\n".join(lines) + b"\n\n")
        return self._mark

    def _strange_words(self, name: str, message: bytes) -> tuple[str, bytes, bytes]:
        """(name, message, encoding), now and then of the kinds that old repositories have."""
        kind = self._dice.randrange(60)
        if kind == 0:
            return name, "Räume im Süden\n".encode("latin-1"), b"ISO-8859-1"
        if kind == 1:
            return name, b"no encoding named: \xe9\xff\n", b""
        if kind == 2:
            return "", message, b""
        if kind == 3:
            return name, b"", b""
        if kind == 4:
            return name, "日本語の件名\n".encode("shift_jis"), b"Shift_JIS"
        if kind == 5:
            return name, b"<script>alert(1)</script>\nsecond line of the subject\n\nbody\n", b""
        return name, message, b""

    def _reset(self, ref: str, mark: int) -> None:
        self._out.write(b"reset %s\nfrom :%d\n\n" % (ref.encode(), mark))

    def _tag(self, name: str, mark: int, kind: bytes = b"") -> None:
        tagger = f"tagger {PEOPLE[0]} <ada@example.com> {self._now} +0000".encode()
        own = b"mark :%d\n" % (10_000_000 + mark) if kind else b""
        self._out.write(b"tag %s\n%sfrom :%d\n%s\ndata 3\ntag\n" % (name.encode(), own, mark, tagger))

    def _strange_tags(self, main: int) -> None:
        self._tag("tagged-twice-below", main, b"marked")
        self._tag("tagged-twice", 10_000_000 + main)
        self._reset("refs/tags/light", main)
        self._out.write(b"blob\nmark :20000000\ndata 4\nblob\n")
        self._tag("of-a-blob", 20_000_000)
        self._reset("refs/pull/1/head", self._commit([main]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a generated history into a new bare repository.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--branches", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--documents", type=int, default=0, help="paths of text files; each commit changes one")
    parser.add_argument("--wild", action="store_true", help="with everything that git allows")
    parser.add_argument("--object-format", choices=["sha1", "sha256"], default="sha1")
    given = parser.parse_args()
    began = time.monotonic()
    generate(
        given.path,
        commits=given.commits,
        branches=given.branches,
        seed=given.seed,
        wild=given.wild,
        documents=given.documents,
        object_format=given.object_format,
    )
    print(f"{given.commits} commits in {given.path}, written in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
