"""One grammar for every name that becomes part of a path, a ref or a command line."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitperch.errors import BadRequest
from gitperch.git import names


@pytest.mark.parametrize("name", ["thing", "a", "a..b"[:1], "foo.git", "My_Repo-1.2", "x" * 100, "9lives"])
def test_ordinary_repository_names_pass(name: str) -> None:
    assert names.repository_name(name) == name.removesuffix(".git")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        ".hidden",
        "-rf",
        "a\0",
        "a b",
        "x" * 101,
        "a..b",
        "end.",
        "x.lock",
        "ü",
        "a\n",
        ".git",
    ],
)
def test_names_that_could_be_more_than_names_are_refused(name: str) -> None:
    """Traversal by owner or repository name (CVE-2026-52813)."""
    with pytest.raises(BadRequest) as caught:
        names.repository_name(name)
    assert caught.value.field == "name"


@pytest.mark.parametrize("name", ["api", "Account", "signin", "../etc", "a/b", "", "x" * 41, "-x"])
def test_owner_names_that_are_addresses_or_paths_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        names.owner_name(name)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).map("refs/heads/".__add__))
@example("refs/heads/feature/ü")
@example("refs/heads/a..b")
@example("refs/heads/.x")
@example("refs/heads/x.lock/y")
@example("refs/heads/@{")
@example("refs/heads/-x")
def test_refs_are_judged_as_git_judges_them(ref: str) -> None:
    said = subprocess.run(["git", "check-ref-format", ref], check=False).returncode == 0
    assert names.is_ref(ref) == said


@pytest.mark.parametrize("path", ["a/b", "a..b", "", "ü/ß", "x" * 4096])
def test_ordinary_tree_paths_pass(path: str) -> None:
    assert names.tree_path(f"/{path}/") == path


@pytest.mark.parametrize("path", ["../x", "a/../b", "a//b", "./a", "a\0b", "x" * 4097])
def test_tree_paths_that_climb_are_refused(path: str) -> None:
    """Gogs CVE-2024-55947."""
    with pytest.raises(BadRequest):
        names.tree_path(path)
