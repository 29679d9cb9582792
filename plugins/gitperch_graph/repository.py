"""What a build asks of git itself: refs, and histories that no commit-graph file tells."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_graph.commit_graph import CommitGraph, CommitGraphError
from gitperch_graph.history import History, from_parents
from gitperch_graph.objects import batch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 1800.0
BRANCHES = "refs/heads/"
SHOWN = (BRANCHES, "refs/tags/")
"""Only what branches, tags and HEAD reach is in the graph."""

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
            raise HistoryUnreadable(
                f"git {' '.join(arguments[:3])}: {done.stderr.decode('utf-8', 'replace').strip()[-500:]}"
            )
        return done.stdout

    def tips(self) -> Tips:
        """Branches, tags and HEAD, annotated tags peeled, also those of tags."""
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

    def history(self, tips: Tips) -> tuple[History, dict[str, int]]:
        """Every commit that `tips` reach, and maybe more; and the number in it of each oid in `tips.commits` that is a commit's.

        Raises HistoryUnreadable.
        """
        if not tips.special:
            found = self._from_commit_graph(tips)
            if found:
                return found
        return self._from_rev_list(tips)

    def _from_commit_graph(self, tips: Tips) -> tuple[History, dict[str, int]] | None:
        """None where there is no usable commit-graph, or where it does not reach all the way up."""
        try:
            graph = CommitGraph.open(self.path)
            if not graph:
                return None
            wanted = set(tips.commits.values())
            numbers = {oid: at for oid in wanted if (at := graph.find(bytes.fromhex(oid))) is not None}
            if self._commits_among(wanted.difference(numbers), tips):
                return None
            return graph.history(), numbers
        except CommitGraphError:
            return None

    def _from_rev_list(self, tips: Tips) -> tuple[History, dict[str, int]]:
        wanted = self._commits_among(set(tips.commits.values()), tips)
        commits: list[tuple[bytes, int, list[bytes]]] = []
        if wanted:
            stdin = "".join(f"{oid}\n" for oid in wanted).encode()
            # A commit-graph file that would help was used before; one that is damaged stops git.
            walk = ("-c", "core.commitGraph=false", "rev-list", "--stdin", "--parents", "--timestamp")
            for line in self.git(*walk, stdin=stdin).splitlines():
                time, oid, *parents = line.decode("ascii").split()
                commits.append(
                    (bytes.fromhex(oid), min(int(time), _LATEST), [bytes.fromhex(parent) for parent in parents])
                )
        size = len(commits[0][0]) if commits else 20
        numbers = {oid.hex(): number for number, (oid, _, _) in enumerate(commits)}
        self._open_ends(commits, numbers)
        return from_parents(size, commits), {oid: numbers[oid] for oid in wanted}

    def _open_ends(self, commits: list[tuple[bytes, int, list[bytes]]], numbers: Mapping[str, int]) -> None:
        """Give the commits at a shallow boundary back the parents that git hides, as parents that are not here."""
        try:
            boundary = (self.path / "shallow").read_text("ascii").split()
        except FileNotFoundError:
            return
        here = [oid for oid in boundary if oid in numbers]
        output = self.git("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in here).encode())
        for oid, _, data in batch(output):
            number = numbers[oid]
            time, parents = commits[number][1], commits[number][2]
            if not parents:
                absent = data.partition(b"\n\n")[0].count(b"\nparent ")
                commits[number] = (commits[number][0], time, [b"" for _ in range(absent)])

    def _commits_among(self, oids: set[str], tips: Tips) -> list[str]:
        """Those that are commits: a tag may name a tree or a blob."""
        certain = oids & tips.on_branches
        doubtful = sorted(oids - certain)
        if not doubtful:
            return sorted(certain)
        stdin = "".join(f"{oid}\n" for oid in doubtful).encode()
        output = self.git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=stdin).decode("ascii")
        kinds = (line.split() for line in output.splitlines())
        return sorted(certain | {oid for oid, kind in kinds if kind == "commit"})


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
    return any(file.exists() and file.stat().st_size > 0 for file in (path / "shallow", path / "info" / "grafts"))


def is_large(path: Path) -> bool:
    """Whether there may be so many commits that laying them out takes long."""
    return sum(file.stat().st_size for file in (path / "objects" / "pack").glob("*.idx")) > MANY_OBJECTS * _INDEX_ENTRY
