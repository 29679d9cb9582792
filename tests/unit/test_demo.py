"""The demo's history: whole, deterministic, quick, and a working site at every commit."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gitperch.demo import birdhouse, content, history, pages, render, scene, stream
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
OPEN = {
    "main",
    "spring-colours",
    "feature/herb-spiral",
    "night-garden",
    "harvest-festival",
    "winter-sleep",
    "redesign",
}


@pytest.fixture(scope="module")
def told() -> history.History:
    return history.told(content.text("story.txt"), NOW)


@pytest.fixture(scope="module")
def garden(told: history.History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "garden.git"
    assert git("init", "--quiet", "--bare", str(path)).returncode == 0
    data = b"".join(stream.fast_import(told))
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=path, input=data, check=True, timeout=60)
    return path


def lines(garden: Path, *arguments: str) -> list[str]:
    done = git(*arguments, cwd=garden)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_git_finds_nothing_wrong_with_it(garden: Path) -> None:
    done = git("fsck", "--full", "--strict", "--no-dangling", cwd=garden)
    assert done.returncode == 0
    assert not re.search("error|warning|missing", done.stdout + done.stderr)


def test_it_has_branches_merges_and_tags(garden: Path) -> None:
    assert set(lines(garden, "for-each-ref", "--format=%(refname:short)", "refs/heads")) == OPEN
    assert lines(garden, "for-each-ref", "--format=%(refname)", "refs/gitperch") == []
    assert 120 <= len(lines(garden, "rev-list", "--all")) <= 170
    parents = [len(line.split()) - 1 for line in lines(garden, "rev-list", "--all", "--parents")]
    assert parents.count(0) == 1
    assert parents.count(2) >= 12
    assert parents.count(4) == 1  # the octopus
    kinds = dict(
        line.split() for line in lines(garden, "for-each-ref", "--format=%(refname:short) %(objecttype)", "refs/tags")
    )
    assert kinds["v0.1"] == "commit"
    assert kinds["v1.2"] == "tag"
    assert {"v1.0", "v1.0.1", "v1.1"} <= kinds.keys()
    # The hotfix was made at the tag, beside what came after it.
    assert lines(garden, "rev-parse", "v1.0.1^") == lines(garden, "rev-parse", "v1.0^{commit}")
    assert git("merge-base", "--is-ancestor", "v1.0.1", "main", cwd=garden).returncode == 0


def test_every_commit_changes_something_and_shows_a_site(garden: Path, told: history.History) -> None:
    for oid, count in (
        (line.split()[0], len(line.split())) for line in lines(garden, "rev-list", "--all", "--parents")
    ):
        assert git("cat-file", "-e", f"{oid}:index.html", cwd=garden).returncode == 0
        if count == 2:
            assert lines(garden, "diff-tree", "--no-commit-id", "-r", oid), lines(garden, "log", "-1", oid)
    assert {commit.author.name for commit in told.commits} == set(history.PEOPLE)


def test_it_ends_a_little_before_now_and_never_goes_back_in_time(told: history.History) -> None:
    times = [commit.author.at for commit in told.commits]
    assert times == sorted(set(times))
    assert NOW - 3600 < times[-1] < NOW
    assert 80 < (NOW - times[0]) / 86400 < 100


def test_links_lead_to_files(told: history.History) -> None:
    for tip in told.branches.values():
        files = render.files(told.commits[tip - 1].state) | {stream.PICTURE: ""}
        for name, text in files.items():
            for link in re.findall(r'(?:href|src)="([^"#:]+)', text) + re.findall(r"\]\(([^)#:]+)\)", text):
                target = link.lstrip("/") or "index.html"
                assert target in files, (name, link)


def test_every_colour_has_a_value(told: history.History) -> None:
    tip = told.commits[told.branches["main"] - 1].state
    files = render.files(tip)
    defined = set(re.findall(r"--([a-z0-9-]+):", files["garden.css"]))
    everything = {f"scene.{draw.__name__}": 9 for draw in scene.ORDER} | dict(tip)
    for text in (*files.values(), pages.index(everything)):
        assert set(re.findall(r"var\(--([a-z0-9-]+)\)", text)) <= defined
    assert "var(" not in render.picture(everything)


def test_the_same_moment_gives_the_same_history(told: history.History) -> None:
    again = history.told(content.text("story.txt"), NOW)
    assert b"".join(stream.fast_import(again)) == b"".join(stream.fast_import(told))


def test_it_is_drawn_in_a_second() -> None:
    begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    command = [sys.executable, "-m", "gitperch.demo", "garden", str(NOW)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    assert done.stdout.endswith(b"done\n")
    # Of a processor, since others may be testing too; generous, since they share its caches.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun < 3


def test_the_birdhouse_is_a_whole_repository_too(tmp_path: Path) -> None:
    path = tmp_path / "birdhouse.git"
    assert git("init", "--quiet", "--bare", str(path)).returncode == 0
    data = b"".join(birdhouse.stream(NOW))
    subprocess.run(["git", "fast-import", "--quiet", "--done"], cwd=path, input=data, check=True, timeout=60)
    assert not git("fsck", "--full", "--strict", cwd=path).stdout
    assert lines(path, "for-each-ref", "--format=%(refname)") == ["refs/heads/main", "refs/heads/night"]
    assert len(lines(path, "rev-list", "--all")) == len(birdhouse.COMMITS)
