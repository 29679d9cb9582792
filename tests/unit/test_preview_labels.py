"""Host names of previews: one DNS label each, and no two branches, sites or commits alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitperch_preview import labels

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HASH = re.compile(r"-[a-z2-7]{6}$")
anything = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=120)


def test_a_plain_branch_keeps_its_name() -> None:
    assert labels.branch_label("main", "thing", 1, 0) == "main-thing"
    assert labels.site_label("thing", 1, 0) == "thing"


@pytest.mark.parametrize(
    "branch", ["feature/x", "Main", "a.b", "a_b", "feature/ü", "日本", "a--b", "-a", "x" * 70, "a" * 58]
)
def test_what_loses_something_ends_in_a_hash(branch: str) -> None:
    label = labels.branch_label(branch, "thing", 1, 0)
    assert HASH.search(label)
    assert LABEL.fullmatch(label)


def test_branches_that_read_alike_have_names_of_their_own() -> None:
    alike = ["feature/x", "feature-x", "Feature-X", "feature.x", "feature//x"]
    assert len({labels.branch_label(branch, "thing", 1, 0) for branch in alike}) == len(alike)


def test_the_same_branch_in_two_repositories_has_two_hashes() -> None:
    assert labels.branch_label("a/b", "thing", 1, 0) != labels.branch_label("a/b", "thing", 2, 0)


@given(anything, anything, st.integers(1, 10**9), st.integers(0, 3))
def test_every_name_is_one_dns_label_and_never_a_commits(branch: str, name: str, repo_id: int, attempt: int) -> None:
    site = labels.site_label(name, repo_id, attempt)
    label = labels.branch_label(branch, site, repo_id, attempt)
    assert LABEL.fullmatch(site)
    assert len(site) <= labels.SITE_LIMIT
    assert LABEL.fullmatch(label)
    assert not labels.is_commit_form(label)
    assert LABEL.fullmatch(labels.commit_label("0123456789abcdef" * 4, site))


@pytest.mark.parametrize("branch", ["deadbee", "0123456789", "20261121-fix", "a" * 15 + "/z", "f" * 40, "DEADBEEF"])
def test_a_branch_that_looks_like_a_commit_is_never_taken_for_one(branch: str) -> None:
    for site in ("thing", "t" * 40):
        label = labels.branch_label(branch, site, 1, 0)
        assert labels.commit_parts(label) is None
        assert HASH.search(label)


def test_a_commits_address_has_as_many_digits_as_fit() -> None:
    oid = "0123456789abcdef0123456789abcdef01234567"
    assert labels.commit_label(oid, "thing") == f"{oid}-thing"
    assert len(labels.commit_label(oid, "t" * 40)) == 63
    assert labels.commit_parts(f"{oid[:7]}-a-b") == (oid[:7], "a-b")


def test_further_attempts_differ() -> None:
    assert len({labels.branch_label("main", "thing", 1, attempt) for attempt in range(4)}) == 4
    assert len({labels.site_label("thing", 1, attempt) for attempt in range(4)}) == 4
