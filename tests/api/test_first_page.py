"""What the list of repositories says of branches, of which it shows a few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.previews import wait
from support.server import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from support.server import Server


def test_the_default_branch_is_among_those_that_are_shown_however_many_are_newer(
    server: Server, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    commit(work, {"index.html": "old"}, "first")
    commit(work, {"index.html": "new"}, "second")
    for number in range(10):
        git("branch", f"a{number}", cwd=work)
    git("reset", "-q", "--hard", "HEAD~1", cwd=work)
    server.cli("repo", "add", "alice/crowd", "--public")
    git("push", "-q", server.remote("alice/crowd"), "--all", cwd=work)
    page = wait(lambda: (text := server.get("/?q=alice/crowd").text).count("data-preview=") == 5 and text, "the list")
    assert re.findall(r'data-preview="([^"]+)"', page)[0] == "main"
    assert re.search(r'class="preview more"[^>]*>more<', page)
