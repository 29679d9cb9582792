"""A repository that people push to, its index brought up to date after each push, and held to what git says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pygit2

from gitperch_graph import build
from gitperch_graph.extend import extended
from gitperch_graph.objects import reader
from gitperch_graph.repository import SHOWN, head_of
from gitperch_graph.row_index import RowIndex
from support.graph import Row, check, check_windows, facts, whole
from support.server import git

if TYPE_CHECKING:
    import random
    from pathlib import Path

HOUR = 3600


@dataclass
class Life:
    """A repository that people push to, and its index, brought up to date after each push."""

    path: Path
    dice: random.Random
    now: int = 1_700_000_000
    extensions: int = 0
    builds: int = 0
    index: RowIndex = field(init=False)

    def __post_init__(self) -> None:
        self.libgit = pygit2.Repository(str(self.path))
        self.tree = self.libgit.TreeBuilder().write()
        self.rebuild()

    @property
    def file(self) -> Path:
        return self.path / "test.rows"

    def rebuild(self) -> None:
        build.build(self.path, self.file)
        self.index = RowIndex.open(self.file, self.path)
        self.builds += 1

    def update(self) -> int:
        """What a push does to the index: how many rows it put on top, -1 for a build from nothing."""
        before = self.index.total
        listed = git("for-each-ref", "--format=%(objectname) %(refname)", *SHOWN, cwd=self.path).stdout
        moves = self.index.refs.differences(listed.encode())
        index = extended(self.index, head_of(self.path), moves, reader(self.libgit))
        if index is None:
            self.rebuild()
            return -1
        index.write(self.file)
        only_grew = index.top.begins_with(self.index.top)
        self.index = RowIndex.open(self.file, self.path)
        assert self.index.generation == index.generation
        self.extensions += 1
        return self.index.total - before if only_grew else -1

    def commit(self, *parents: str, late: int = 0) -> str:
        self.now += self.dice.randint(1, HOUR)
        person = pygit2.Signature("Ada", "ada@example.com", self.now - late, 60)
        message = f"commit {self.now}"
        return str(self.libgit.create_commit(None, person, person, message, self.tree, list(parents)))

    def point(self, name: str, oid: str) -> None:
        self.libgit.references.create(name, oid, force=True)

    def branches(self) -> dict[str, str]:
        return {name: str(self.libgit.references[name].target) for name in self.libgit.references if "/heads/" in name}

    def push_something(self) -> None:
        branches = self.branches()
        name, tip = self.dice.choice(sorted(branches.items()))
        other = self.dice.choice(sorted(branches.values()))
        kind = self.dice.choice(
            "commit commit commit commits merge merge octopus branch old-branch tag delete force late".split()
        )
        if kind in ("commit", "commits"):
            for _ in range(1 if kind == "commit" else self.dice.randint(2, 9)):
                tip = self.commit(tip)
            self.point(name, tip)
        elif kind == "merge" and other != tip:
            self.point(name, self.commit(tip, other))
        elif kind == "octopus":
            legs = self.dice.sample(sorted(set(branches.values()) - {tip}), min(3, len(set(branches.values())) - 1))
            self.point(name, self.commit(tip, *legs))
        elif kind == "force":
            self.point(name, self.commit(*map(str, self.libgit[tip].peel(pygit2.Commit).parent_ids[:1])))
        else:
            self.push_ref(kind, name, tip)

    def push_ref(self, kind: str, name: str, tip: str) -> None:
        new = f"refs/heads/{self.dice.randrange(10**6)}"
        if kind == "branch":
            self.point(new, self.commit(tip))
        elif kind == "old-branch":
            self.point(new, self.commit(self.index.oid(self.dice.randrange(self.index.total))))
        elif kind == "tag":
            person = pygit2.Signature("Ada", "ada@example.com", self.now, 0)
            self.libgit.create_tag(
                f"v{self.now}.{self.dice.random()}",
                pygit2.Oid(hex=tip),
                pygit2.enums.ObjectType.COMMIT,
                person,
                "tagged",
            )
        elif kind == "delete" and name != "refs/heads/main":
            self.libgit.references.delete(name)
        elif kind == "late":
            self.point(new, self.commit(tip, late=30 * HOUR))


def drawn(index: RowIndex) -> list[Row]:
    """Every row from the bottom up, with parents by their height."""
    rows = []
    for row in reversed(whole(index)["rows"]):
        parents = [index.total - 1 - parent for parent in row["parents"]]
        rows.append({"oid": row["oid"], "lane": row["lane"], "parents": parents, "edges": row["edges"]})
    return rows


def after_pushes(life: Life, rounds: int) -> None:
    """Push, and hold the index to what git says, again and again; now and then what has come is put into a base."""
    for _ in range(rounds):
        before = drawn(life.index)
        for _ in range(life.dice.randint(1, 3)):
            life.push_something()
        added = life.update()
        check(whole(life.index), facts(life.path))
        if added >= 0:
            assert drawn(life.index)[: len(before)] == before, "what is on screen stays as it is"
        total, floor = life.index.total, life.index.floor
        check_windows(life.index, [0, max(0, total - floor - 3), total - floor, total // 2, total - 5], 9)
        if life.dice.random() < 0.2:
            settle(life)


def settle(life: Life) -> None:
    """A base anew, of git's layers or of a file of our own: nobody who looks on notices."""
    before, generation = whole(life.index), life.index.generation
    if life.dice.random() < 0.7:
        split = life.dice.choice(["no-merge", "replace"])
        done = git("commit-graph", "write", "--reachable", f"--split={split}", cwd=life.path)
        assert done.returncode == 0, done.stderr
    life.rebuild()
    assert whole(life.index) == before
    assert life.index.generation == generation
