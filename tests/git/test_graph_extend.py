"""After a push the new commits are put on top of the index; whatever was pushed, the outcome is what git says."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pygit2
import pytest
from contrib.bench.histories import generate

from gitperch_graph import build
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
        self.index = RowIndex.open(self.file, self.path)
        self.builds += 1

    def update(self) -> int:
        """What a push does to the index: how many rows it put on top, -1 for a build from nothing."""
        before = self.index.total
        listed = git(
            "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", cwd=self.path
        ).stdout
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


@pytest.mark.parametrize("seed", range(4))
def test_any_sequence_of_pushes_ends_in_what_git_says(tmp_path: Path, seed: int) -> None:
    path = generate(tmp_path / "it.git", commits=60, branches=4, seed=seed, wild=seed % 2 == 1)
    life = Life(path, random.Random(seed))
    after_pushes(life, 25)
    assert life.extensions > 20


@pytest.mark.parametrize("seed", range(6))
def test_so_does_any_sequence_on_a_base(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "KEPT", 12)  # so that most is in the base, and much of what happens reaches it
    path = generate(tmp_path / "it.git", commits=300, branches=9, seed=seed, wild=seed % 2 == 1)
    life = Life(path, random.Random(seed))
    assert life.index.floor == 288
    after_pushes(life, 25)
    assert life.extensions > 5
    assert life.builds > 3


def test_windows_of_an_index_that_has_grown_are_slices_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "KEPT", 40)
    path = generate(tmp_path / "it.git", commits=1000, branches=12, seed=3, wild=True)
    life = Life(path, random.Random(3))
    tips = life.branches()
    for name in sorted(tips)[:8] * 12:  # old branches grow: their edges pass many marks
        life.point(name, life.commit(life.branches()[name]))
        assert life.update() == 1
    check(whole(life.index), facts(path))
    total, base = life.index.total, life.index.base
    assert base
    heights = [base.count, *(mark * base.stride for mark in range(4))]
    check_windows(life.index, [total - height + shift for height in heights for shift in range(-3, 4)] + [0, 5, 50], 70)
    settle(life)


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


SURPRISES = ["rewind", "delete the only branch of a commit", "another default branch", "older commits", "amend"]


def surprise(life: Life, what: str) -> None:
    main, topic = (life.branches()[f"refs/heads/{name}"] for name in ("main", "topic-0001"))
    if what == "rewind":
        life.point("refs/heads/main", facts(life.path).chain[1])
    elif what == "delete the only branch of a commit":
        life.libgit.references.delete("refs/heads/topic-0001")
    elif what == "another default branch":
        (life.path / "HEAD").write_text("ref: refs/heads/topic-0001\n")
    elif what == "amend":
        life.point("refs/heads/topic-0001", life.commit(*map(str, life.libgit[topic].peel(pygit2.Commit).parent_ids)))
    else:
        life.point("refs/heads/late", life.commit(life.index.oid(3), late=life.now - life.index.date(5)))
    assert main


@pytest.mark.parametrize("what", SURPRISES)
def test_what_the_top_holds_changes_places_without_a_build(tmp_path: Path, what: str) -> None:
    life = Life(generate(tmp_path / "it.git", commits=80, branches=3), random.Random(1))
    before = {row["oid"]: row["lane"] for row in whole(life.index)["rows"]}
    surprise(life, what)
    assert life.update() == -1
    assert life.builds == 1
    check(whole(life.index), facts(life.path))
    moved = [row["oid"] for row in whole(life.index)["rows"] if before.get(row["oid"], row["lane"]) != row["lane"]]
    assert not moved or what == "another default branch", "who stays keeps their lane"


@pytest.mark.parametrize("what", SURPRISES)
def test_what_reaches_below_the_top_is_built_anew(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "KEPT", 0)
    life = Life(generate(tmp_path / "it.git", commits=400, branches=9), random.Random(1))
    assert life.index.floor == life.index.total
    before = {row["oid"]: row["lane"] for row in whole(life.index)["rows"]}
    surprise(life, what)
    assert life.update() == -1
    assert life.builds == 2
    check(whole(life.index), facts(life.path))
    moved = [row["oid"] for row in whole(life.index)["rows"] if before.get(row["oid"], row["lane"]) != row["lane"]]
    assert len(moved) < 12 or what == "another default branch", "who stays keeps their lane, nearly always"


def test_the_default_branch_moves_to_commits_that_are_there(tmp_path: Path) -> None:
    """A topic is pushed, then main goes where it is: those commits join lane 0, and nobody else moves."""
    life = Life(generate(tmp_path / "it.git", commits=40, branches=2), random.Random(1))
    topic = life.branches()["refs/heads/main"]
    for _ in range(3):
        topic = life.commit(topic)
    life.point("refs/heads/topic", topic)
    assert life.update() == 3
    life.point("refs/heads/main", topic)
    assert life.update() == -1
    assert life.builds == 1
    check(whole(life.index), facts(life.path))


def test_refs_that_move_over_known_commits_add_no_rows(tmp_path: Path) -> None:
    life = Life(generate(tmp_path / "it.git", commits=80, branches=3), random.Random(1))
    before, generation = drawn(life.index), life.index.generation
    life.point("refs/heads/here", life.index.oid(30))
    life.point("refs/tags/there", life.index.oid(10))
    assert life.update() == 0
    assert drawn(life.index) == before
    assert life.index.generation != generation
    assert life.index.refs.at(30) == ["refs/heads/here"]
    life.libgit.references.delete("refs/heads/here")
    assert life.update() == 0
    assert not life.index.refs.at(30)


def test_an_index_that_grew_and_one_built_at_once_have_the_same_rows(tmp_path: Path) -> None:
    life = Life(generate(tmp_path / "it.git", commits=200, branches=5), random.Random(8))
    for _ in range(30):
        name = life.dice.choice(sorted(life.branches()))
        life.point(name, life.commit(life.branches()[name]))
        assert life.update() == 1
    grown = [row["oid"] for row in whole(life.index)["rows"]]
    life.rebuild()
    assert grown == [row["oid"] for row in whole(life.index)["rows"]]
