"""After a push the new commits are put on top of the index; whatever was pushed, the outcome is what git says."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pygit2
import pytest
from contrib.bench.histories import generate

from gitperch_graph import build
from support.graph import check, check_windows, facts, whole
from support.graph_life import Life, after_pushes, drawn, settle

if TYPE_CHECKING:
    from pathlib import Path


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
