"""What is said of a commit, a branch or a tag while somebody points at it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.server import commit, git
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


@pytest.fixture(scope="module")
def work(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `alice/plot` was imported from: a branch two ahead and one behind, an annotated tag and a plain one."""
    folder = tmp_path_factory.mktemp("plot")
    commit(folder, {"a": "1"}, "Dig\n\nThe whole story\nin two lines. <b>bold</b>")
    git("tag", "plain", cwd=folder)
    git("tag", "-a", "v1", "-m", "First harvest\n\nWith <i>beans</i>.", cwd=folder)
    git("switch", "-q", "-c", "bed/north", cwd=folder)
    commit(folder, {"b": "1"}, "Sow")
    commit(folder, {"b": "2"}, "Water")
    git("switch", "-q", "main", cwd=folder)
    commit(folder, {"a": "2"}, "Rake")
    server.cli("repo", "add", "alice/plot", "--public", "--from", str(folder))
    return folder


def card(server: Server, query: str) -> str:
    answer = Visitor(server).get(f"/alice/plot/card?{query}")
    assert answer.status == 200, answer.text[:500]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_a_commit_tells_its_whole_message_and_who_wrote_it_when(server: Server, work: Path) -> None:
    oid = git("rev-parse", "main~1", cwd=work).stdout.strip()
    said = card(server, f"commit={oid}")
    assert "Dig" in said
    assert "The whole story in two lines. &lt;b&gt;bold&lt;/b&gt;" in said
    author, zone = (
        git("log", "-1", "--format=%an%x00%ad", "--date=format:%Y, %H:%M %z", oid, cwd=work).stdout.strip().split("\0")
    )
    assert author in said
    assert zone in said
    assert oid[:12] in said


def test_a_branch_tells_how_far_it_is_from_the_default_one(server: Server, work: Path) -> None:
    said = card(server, "ref=refs/heads/bed/north")
    assert "bed/north" in said
    assert "2 ahead of, 1 behind main" in said
    assert "Water" in said
    assert "The default branch" in card(server, "ref=refs/heads/main")


def test_a_tag_tells_what_was_said_when_it_was_made(server: Server, work: Path) -> None:
    said = card(server, "ref=refs/tags/v1")
    assert "First harvest With &lt;i&gt;beans&lt;/i&gt;." in said
    assert "Tagged by" in said
    assert "Dig" in said
    assert "Tagged" not in card(server, "ref=refs/tags/plain")


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 400, "Name a commit by its oid"),
        ("ref=refs/pull/1/head", 400, "refs/heads/"),
        ("ref=refs/heads/..", 400, "refs/heads/"),
        ("ref=refs/heads/gone", 404, "There is no branch"),
        ("ref=refs/tags/gone", 404, "There is no tag"),
        ("commit=" + "0" * 40, 404, "There is no commit"),
        ("commit=--all", 404, "There is no commit"),
    ],
)
def test_what_is_not_there_is_said(server: Server, work: Path, query: str, status: int, says: str) -> None:
    answer = Visitor(server).get(f"/alice/plot/card?{query}", Accept="application/json")
    assert answer.status == status
    assert says in answer.json()["message"]


def test_private_ones_are_told_to_nobody(server: Server, work: Path) -> None:
    server.cli("repo", "add", "alice/hidden", "--from", str(work))
    assert Visitor(server).get("/alice/hidden/card?ref=refs/heads/main").status in (302, 303, 401)


def test_a_repository_with_sha256_has_cards_too(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    git("init", "--quiet", "--object-format=sha256", str(folder))
    commit(folder, {"a": "1"}, "Begin\n\nAt length.")
    git("tag", "-a", "v1", "-m", "Ripe", cwd=folder)
    server.cli("repo", "add", "alice/long", "--public", "--from", str(folder))
    oid = git("rev-parse", "main", cwd=folder).stdout.strip()
    for query, says in (
        (f"commit={oid}", "At length."),
        ("ref=refs/heads/main", "Begin"),
        ("ref=refs/tags/v1", "Ripe"),
    ):
        answer = Visitor(server).get(f"/alice/long/card?{query}")
        assert answer.status == 200, answer.text[:300]
        assert says in answer.text
