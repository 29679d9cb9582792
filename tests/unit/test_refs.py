"""Refs read from git's files are those that git itself lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitperch.git import refs
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A repository with loose, packed, nested, symbolic and overriding refs."""
    work = tmp_path / "work"
    commit(work, {"a": "1"})
    git("branch", "deep/er/branch", cwd=work)
    git("tag", "-a", "v1", "-m", "one", cwd=work)
    git("pack-refs", "--all", cwd=work)
    commit(work, {"a": "2"})
    git("branch", "ünï", cwd=work)
    git("symbolic-ref", "refs/heads/alias", "refs/heads/deep/er/branch", cwd=work)
    git("update-ref", "-d", "refs/heads/gone", cwd=work)
    return work / ".git"


def listed(path: Path) -> dict[str, str]:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=path).stdout.splitlines()
    return dict(line.split(" ") for line in lines)


def test_a_snapshot_is_what_git_lists(bare: Path) -> None:
    assert refs.snapshot(bare) == listed(bare)


def test_single_refs_are_found_loose_and_packed(bare: Path) -> None:
    wanted = ["refs/heads/main", "refs/tags/v1", "refs/heads/alias", "refs/heads/none", "refs/heads/deep"]
    everything = listed(bare)
    assert refs.read(bare, wanted) == {name: everything[name] for name in wanted[:3]}


def test_head_is_named_born_or_not(bare: Path, tmp_path: Path) -> None:
    assert refs.head(bare) == "refs/heads/main"
    git("init", "--bare", "-b", "trunk", str(tmp_path / "empty"))
    assert refs.head(tmp_path / "empty") == "refs/heads/trunk"
    git("checkout", "--detach", cwd=bare.parent)
    assert refs.head(bare) == ""
