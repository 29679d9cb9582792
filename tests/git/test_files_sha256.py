"""Files, history and blame of a repository whose object ids libgit2 does not know: git reads them."""

from __future__ import annotations

import re

import pytest

from support.server import Server, commit, git
from support.visitor import Visitor


@pytest.fixture(scope="module")
def newer(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    work = tmp_path_factory.mktemp("newer")
    if git("init", "-q", "-b", "main", "--object-format=sha256", str(work)).returncode:
        pytest.skip("this git knows no SHA-256 repositories")
    commit(work, {"README.md": "# Newer ids\n", "a.py": "x = 1\ny = 2\n", "docs/b.txt": "b\n"}, "One")
    oid = commit(work, {"a.py": "x = 1\ny = 3\n", "deadbeef": "z"}, "Two")
    server.cli("repo", "add", "alice/newer", "--object-format", "sha256", "--public")
    server.git("push", "-q", server.remote("alice/newer"), "main", cwd=work)
    return oid


@pytest.mark.parametrize("ref", ["main", "full", "short"])
def test_files_can_be_read(server: Server, newer: str, ref: str) -> None:
    ref = {"main": "main", "full": newer, "short": newer[:9]}[ref]
    nobody = Visitor(server)
    top = nobody.get(f"/alice/newer/tree/{ref}")
    assert top.status == 200
    for shown in ("Newer ids", "a.py", "docs", ">Two<", "12 bytes"):
        assert shown in top.text, shown
    file = nobody.get(f"/alice/newer/blob/{ref}/a.py")
    assert "y = 3" in re.sub(r"<[^>]*>", "", file.text)
    assert server.get(f"/alice/newer/raw/{ref}/docs/b.txt").body == b"b\n"
    assert nobody.get(f"/alice/newer/tree/{ref}/nope").status == 404
    assert nobody.get("/alice/newer/tree/" + "0" * 64).status == 404


def test_history_and_blame_too(server: Server, newer: str) -> None:
    nobody = Visitor(server)
    history = nobody.get("/alice/newer/history/main/a.py").text
    assert history.index(">Two<") < history.index(">One<")
    plain = nobody.get("/alice/newer/blame/main/a.py?plain").text
    assert f">{newer[:8]}</a>" in plain
    said = server.get("/api/repos/alice/newer/last-commits/main").body
    assert newer.encode() in said
    assert b'"done":true' in said
