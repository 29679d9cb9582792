"""After a push the new commits are put on top of the index; whatever was pushed, the outcome is what git says."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pygit2
import pytest
from contrib.bench.histories import generate

from gitperch_graph import build, row_index
from gitperch_graph.extend import extended
from gitperch_graph.objects import reader
from gitperch_graph.repository import head_of
from gitperch_graph.row_index import RowIndex
from support.graph import Row, check, check_windows, facts, whole
from support.server import git

if TYPE_CHECKING:
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
        self.index = RowIndex.open(self.file)
        self.builds += 1

    def update(self) -> int:
        """What a push does to the index: how many rows it put on top, -1 for a build from nothing."""
        before = self.index.total
        lines = git(
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", cwd=self.path
        ).stdout
        targets = {name: oid for oid, name in (line.split() for line in lines.splitlines())}
        columns = extended(self.index, head_of(self.path), targets, reader(self.libgit))
        if columns is None:
            self.rebuild()
            return -1
        row_index.write(self.file, columns)
        self.index = RowIndex.open(self.file)
        self.extensions += 1
        return self.index.total - before

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


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_pushes_ends_in_what_git_says(tmp_path: Path, seed: int) -> None:
    path = generate(tmp_path / "it.git", commits=60, branches=4, seed=seed, wild=seed % 2 == 1)
    life = Life(path, random.Random(seed))
    for _ in range(40):
        before = drawn(life.index)
        for _ in range(life.dice.randint(1, 3)):
            life.push_something()
        added = life.update()
        check(whole(life.index), facts(path))
        if added >= 0:
            assert drawn(life.index)[: len(before)] == before, "what is on screen stays as it is"
    assert life.extensions > 12
    assert life.builds > 5


def test_windows_of_an_index_that_has_grown_are_slices_of_the_whole(tmp_path: Path) -> None:
    path = generate(tmp_path / "it.git", commits=row_index.STRIDE - 30, branches=12, seed=3, wild=True)
    life = Life(path, random.Random(3))
    tips = life.branches()
    for name in sorted(tips)[:8] * 12:  # old branches grow: their edges pass the mark at STRIDE
        life.point(name, life.commit(life.branches()[name]))
        assert life.update() == 1
    assert life.index.total > row_index.STRIDE
    check(whole(life.index), facts(path))
    total = life.index.total
    check_windows(life.index, [total - row_index.STRIDE + shift for shift in range(-3, 4)] + [0, 5, 50, 200], 70)


def test_a_branch_keeps_its_lane_while_it_grows(tmp_path: Path) -> None:
    life = Life(generate(tmp_path / "it.git", commits=40, branches=0), random.Random(1))
    main = life.branches()["refs/heads/main"]
    topic = life.commit(main)
    life.point("refs/heads/topic", topic)
    assert life.update() == 1
    lanes = []
    for _ in range(5):
        topic, main = life.commit(topic), life.commit(main)
        life.point("refs/heads/topic", topic)
        life.point("refs/heads/main", main)
        assert life.update() == 2
        rows = {row["oid"]: row["lane"] for row in whole(life.index)["rows"]}
        lanes.append((rows[main], rows[topic]))
    assert len(set(lanes)) == 1
    assert lanes[0][0] == 0


@pytest.mark.parametrize(
    "what", ["rewind", "delete the only branch of a commit", "another default branch", "older commits"]
)
def test_what_cannot_be_put_on_top_is_built_anew(tmp_path: Path, what: str) -> None:
    life = Life(generate(tmp_path / "it.git", commits=80, branches=3), random.Random(1))
    branches = life.branches()
    if what == "rewind":
        life.point("refs/heads/main", facts(life.path).chain[1])
    elif what == "delete the only branch of a commit":
        life.point("refs/heads/short", life.commit(branches["refs/heads/main"]))
        assert life.update() == 1
        life.libgit.references.delete("refs/heads/short")
    elif what == "another default branch":
        (life.path / "HEAD").write_text("ref: refs/heads/topic-0001\n")
    else:
        life.point("refs/heads/late", life.commit(life.index.oid(3), late=10**9))
    assert life.update() == -1
    check(whole(life.index), facts(life.path))


def test_refs_that_move_over_known_commits_add_no_rows(tmp_path: Path) -> None:
    life = Life(generate(tmp_path / "it.git", commits=80, branches=3), random.Random(1))
    before, generation = drawn(life.index), life.index.generation
    life.point("refs/heads/here", life.index.oid(30))
    life.point("refs/tags/there", life.index.oid(10))
    assert life.update() == 0
    assert drawn(life.index) == before
    assert life.index.generation != generation
    assert life.index.refs_at[30] == ["refs/heads/here"]
    life.libgit.references.delete("refs/heads/here")
    assert life.update() == 0
    assert 30 not in life.index.refs_at


def test_an_index_that_grew_and_one_built_at_once_have_the_same_rows(tmp_path: Path) -> None:
    life = Life(generate(tmp_path / "it.git", commits=200, branches=5), random.Random(8))
    for _ in range(30):
        name = life.dice.choice(sorted(life.branches()))
        life.point(name, life.commit(life.branches()[name]))
        assert life.update() == 1
    grown = [row["oid"] for row in whole(life.index)["rows"]]
    life.rebuild()
    assert grown == [row["oid"] for row in whole(life.index)["rows"]]
