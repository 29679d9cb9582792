"""A real history, the one at hand: this project's own, pushed to a running server in three parts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.graph import check, facts
from support.server import git

if TYPE_CHECKING:
    from support.server import Server

ROOT = Path(__file__).parents[2]
PAGE = 100


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A clone of this project's repository, with its branches as branches."""
    if git("-C", str(ROOT), "rev-parse", "--is-shallow-repository").stdout.strip() != "false":
        pytest.skip("this copy of the project has no history of its own, or only the end of it")
    clone = tmp_path / "own.git"
    done = git(
        "clone",
        "--quiet",
        "--mirror",
        str(ROOT),
        str(clone),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="safe.directory",
        GIT_CONFIG_VALUE_0="*",
    )
    assert done.returncode == 0, done.stderr
    return clone


def shown(server: Server, expected: str) -> dict[str, Any]:
    """The whole graph, by windows as a page asks for them, once its top row is the commit `expected`."""
    until = time.monotonic() + 60
    while True:
        graph = server.get(f"/api/repos/alice/own/graph?at=0&rows={PAGE}", user="alice").json()
        if graph.get("rows") and graph["rows"][0]["oid"] == expected:
            break
        assert time.monotonic() < until, f"{expected} is not on top of {graph}"
        time.sleep(0.05)
    for at in range(PAGE, graph["total"], PAGE):
        below = server.get(f"/api/repos/alice/own/graph?at={at}&rows={PAGE}", user="alice").json()
        assert below["generation"] == graph["generation"]
        graph["rows"] += below["rows"]
        graph["lanes"] = max(graph["lanes"], below["lanes"])
    return graph  # type: ignore[no-any-return]


def test_this_projects_own_history_is_drawn_as_git_has_it(server: Server, own: Path) -> None:
    tip = git("rev-parse", "HEAD", cwd=own).stdout.strip()
    first_parents = git("rev-list", "--first-parent", tip, cwd=own).stdout.split()
    there = own.with_name("pushed.git")
    git("init", "--quiet", "--bare", str(there))
    for oid in (first_parents[len(first_parents) // 2], first_parents[len(first_parents) // 10], tip):
        git("fetch", "--quiet", str(own), f"+{oid}:refs/heads/main", cwd=there, GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="uploadpack.allowAnySHA1InWant", GIT_CONFIG_VALUE_0="true")  # fmt: skip
        server.git("push", "--quiet", server.remote("alice/own"), "refs/heads/main", cwd=there)
        known = facts(there)
        check(shown(server, known.order[0]), known)
