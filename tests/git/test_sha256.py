"""A repository of SHA-256 object ids: the transport carries it whole, and its commits, changes and files are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.server import Server, commit, git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_push_clone_and_fetch(server: Server, tmp_path: Path, version: str) -> None:
    name = f"alice/newer{version}"
    server.cli("repo", "add", name, "--object-format", "sha256")
    work, clone = tmp_path / "work", tmp_path / "clone"
    git("init", "-q", "-b", "main", "--object-format=sha256", str(work))
    commit(work, {"index.html": "<h1>one</h1>"}, "One")
    protocol = ("-c", f"protocol.version={version}")
    server.git(*protocol, "push", server.remote(name), "main", cwd=work)
    server.git(*protocol, "clone", "-q", server.remote(name), str(clone))
    second = commit(work, {"index.html": "<h1>two</h1>"}, "Two")
    server.git(*protocol, "push", server.remote(name), "main", cwd=work)
    server.git(*protocol, "pull", "-q", cwd=clone)
    assert len(second) == 64
    assert git("rev-parse", "HEAD", cwd=clone).stdout.strip() == second
    assert git("fsck", "--full", "--strict", cwd=clone).returncode == 0
    page = server.get(f"/{name}/commit/{second[:12]}", user="alice")
    assert page.headers["location"] == f"/{name}/commit/{second}"
    page = server.get(f"/{name}/commit/{second}", user="alice")
    assert page.status == 200
    assert "<mark>two</mark>" in page.text
    assert (
        server.get(f"/{name}/commit/{second}/lines?path=index.html&first=1&last=1&shift=0", user="alice").status == 200
    )
    page = server.get(f"/{name}/tree", user="alice")
    assert page.status == 200
    assert "index.html" in page.text


def test_one_that_is_made_without_saying_so_takes_sha1(server: Server, tmp_path: Path) -> None:
    git("init", "-q", "-b", "main", "--object-format=sha256", str(tmp_path))
    commit(tmp_path, {"a": "a"})
    done = git("push", server.remote("alice/older"), "main", cwd=tmp_path)
    assert done.returncode != 0
    assert "alice/older" not in server.cli("repo", "list")
