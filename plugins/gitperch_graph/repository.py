"""What a build asks of git itself: refs, and histories that no commit-graph file tells."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_graph.objects import batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

SECONDS = 1800.0
BRANCHES = "refs/heads/"
STASHES = "refs/stashes/"
SHOWN = (BRANCHES, "refs/tags/", STASHES)
"""Only what branches, tags, stashes and HEAD reach is in the graph."""

REPLACEMENTS = "refs/replace/"
MANY_OBJECTS = 20_000
_LATEST = 1 << 62  # a time beyond is a typing error
_INDEX_ENTRY = 28  # bytes that a pack's index spends at least on an object


class HistoryUnreadable(Exception):
    """git cannot tell the history: objects are missing or damaged. The sentence is git's."""


@dataclass(frozen=True)
class Tips:
    """Where a history begins: `targets` has each shown ref's oid, `commits` what it peels to, a commit in all but odd cases.

    `special`: parents are not those that the objects name, as in a shallow history or one with grafts or replacements.
    """

    head: str
    targets: Mapping[str, str]
    commits: Mapping[str, str]
    special: bool

    @property
    def on_branches(self) -> set[str]:
        """The oids that branches hold: git lets them hold nothing but commits."""
        return {oid for name, oid in self.commits.items() if name.startswith(BRANCHES)}


@dataclass(frozen=True)
class Repository:
    """A bare repository on disk. git runs in `environment`, or in this process's own."""

    path: Path
    environment: Mapping[str, str] | None = None

    def git(self, *arguments: str, stdin: bytes = b"", accepted: int = 0) -> bytes:
        """git's output. Raises HistoryUnreadable when it ends with a status above `accepted`."""
        try:
            done = subprocess.run(
                ["git", f"--git-dir={self.path}", *arguments],
                input=stdin,
                capture_output=True,
                env=self.environment,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise HistoryUnreadable(f"git {' '.join(arguments[:3])} was not done after {SECONDS:.0f} s") from None
        if done.returncode > accepted or done.returncode < 0:
            raise HistoryUnreadable(_sentence(arguments, done.stderr))
        return done.stdout

    def tips(self) -> Tips:
        """Branches, tags, stashes and HEAD, annotated tags peeled, also those of tags."""
        targets: dict[str, str] = {}
        peeled: dict[str, str] = {}
        special = is_special(self.path)
        # With status 1 there are no refs to show, and that is no failure.
        for line in self.git("show-ref", "--dereference", accepted=1).splitlines():
            oid, _, name = line.decode("utf-8", "surrogateescape").partition(" ")
            special = special or name.startswith(REPLACEMENTS)
            if not name.startswith(SHOWN):
                continue
            if name.endswith("^{}"):
                peeled[name.removesuffix("^{}")] = oid
            else:
                targets[name] = oid
        head = head_of(self.path)
        if head == DETACHED:
            targets[head] = (self.path / "HEAD").read_text("ascii").strip()
        commits = {name: peeled.get(name, oid) for name, oid in targets.items()}
        return Tips(head, dict(sorted(targets.items())), commits, special)

    def commits(self, tips: Tips, most: int = 0) -> Iterator[tuple[bytes, int, list[bytes]]]:
        """(oid, committer time, parents' oids) of every commit that `tips` reach, as git tells them without a commit-graph file.

        With `most` only so many: git then walks down from the tips, always to the commit with the latest time, and ends.
        At a shallow boundary the parents that git hides are given as b"". Raises HistoryUnreadable.
        """
        wanted = self.commits_among(set(tips.commits.values()), tips)
        if not wanted:
            return
        stdin = "".join(f"{oid}\n" for oid in wanted).encode()
        open_ends = self._open_ends()
        # A commit-graph file that would help was used before; one that is damaged stops git.
        walk = ("-c", "core.commitGraph=false", "rev-list", "--stdin", "--parents", "--timestamp")
        bound = [f"--max-count={most}"] if most else []
        for line in self.lines(*walk, *bound, stdin=stdin):
            time, oid, *parents = line.decode("ascii").split()
            above = [bytes.fromhex(parent) for parent in parents]
            yield bytes.fromhex(oid), max(0, min(int(time), _LATEST)), above or [b""] * open_ends.get(oid, 0)

    def lines(self, *arguments: str, stdin: bytes) -> Iterator[bytes]:
        """git's output line by line, however much it is. Raises HistoryUnreadable when it fails."""
        with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaint:
            asked.write(stdin)
            asked.seek(0)
            command = ["git", f"--git-dir={self.path}", *arguments]
            with subprocess.Popen(
                command, stdin=asked, stdout=subprocess.PIPE, stderr=complaint, env=self.environment
            ) as process:
                assert process.stdout  # noqa: S101 -- a pipe, as asked for
                yield from process.stdout
            if process.returncode:
                complaint.seek(0)
                raise HistoryUnreadable(_sentence(arguments, complaint.read()))

    def _open_ends(self) -> dict[str, int]:
        """The commits at a shallow boundary, with the number of parents that each really has."""
        try:
            boundary = (self.path / "shallow").read_text("ascii").split()
        except FileNotFoundError:
            return {}
        output = self.git("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in boundary).encode())
        return {oid: data.partition(b"\n\n")[0].count(b"\nparent ") for oid, _, data in batch(output)}

    def commits_among(self, oids: set[str], tips: Tips) -> list[str]:
        """Those that are commits: a tag may name a tree or a blob."""
        certain = oids & tips.on_branches
        doubtful = sorted(oids - certain)
        if not doubtful:
            return sorted(certain)
        stdin = "".join(f"{oid}\n" for oid in doubtful).encode()
        output = self.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin).decode("ascii")
        kinds = (line.split() for line in output.splitlines())
        return sorted(certain | {oid for oid, kind in kinds if kind == "commit"})


def _sentence(arguments: Sequence[str], stderr: bytes) -> str:
    return f"git {' '.join(arguments[:3])}: {stderr.decode('utf-8', 'replace').strip()[-500:]}"


DETACHED = "HEAD"


def head_of(path: Path) -> str:
    """The full name of the default branch, born or not; `DETACHED` where HEAD holds an oid, "" where it cannot be read."""
    try:
        text = (path / "HEAD").read_text("utf-8", "surrogateescape").strip()
    except FileNotFoundError:
        return ""
    return text.removeprefix("ref:").strip() if text.startswith("ref:") else DETACHED


def is_special(path: Path) -> bool:
    """Whether the repository is shallow or has grafts. Replacements are refs, and seen among those."""
    return any(file.exists() and file.stat().st_size > 0 for file in _specialities(path))


def special_since(path: Path) -> float:
    """When what makes it so was changed last, in Unix seconds; 0 where nothing does."""
    return max((file.stat().st_mtime for file in _specialities(path) if file.exists()), default=0.0)


def _specialities(path: Path) -> tuple[Path, ...]:
    return path / "shallow", path / "info" / "grafts"


def is_large(path: Path) -> bool:
    """Whether there may be so many commits that laying them out takes long."""
    return sum(file.stat().st_size for file in (path / "objects" / "pack").glob("*.idx")) > MANY_OBJECTS * _INDEX_ENTRY
