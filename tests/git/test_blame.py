"""Blame as it is streamed, against what `git blame` says by itself; the pages that show it."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git, GitError
from gitperch.git.blame import blame, ignored_of, unquoted
from support.server import commit, git
from support.visitor import Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.git.blame import Group
    from support.server import Server


def blamed(tmp_path: Path, *arguments: Any, **options: Any) -> list[Group]:
    async def inside() -> list[Group]:
        runner = Git(GitSettings(), tmp_path / "runner")
        runner.prepare()
        try:
            async with aclosing(blame(runner, *arguments, **options)) as groups:
                return [group async for group in groups]
        finally:
            runner.close()

    return asyncio.run(inside())


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A file that four commits wrote, under two names, and an ignore file that names the third."""
    work = tmp_path / "work"
    lines = [f"line {n}\n" for n in range(30)]
    commit(work, {"old.c": "".join(lines)}, "One")
    lines[3:5] = ["changed\n", "changed too\n"]
    commit(work, {"old.c": "".join(lines)}, "Two")
    lines[10:12] = [line.replace("line", "  line") for line in lines[10:12]]
    oid = commit(work, {"old.c": "".join(lines)}, "Indent")
    git("mv", "old.c", "new.c", cwd=work)
    lines.append("the end\n")
    commit(
        work, {"new.c": "".join(lines), ".git-blame-ignore-revs": f"# spaces\n{oid}  # all of it\nnonsense\n"}, "Four"
    )
    return work


def by_line(groups: list[Group]) -> dict[int, str]:
    return {line: group.origin.oid for group in groups for line in range(group.line, group.line + group.count)}


def expected(work: Path, *options: str) -> dict[int, str]:
    said = git("blame", "--porcelain", *options, "HEAD", "--", "new.c", cwd=work).stdout
    heads = re.findall(r"^([0-9a-f]{40}) \d+ (\d+)", said, re.MULTILINE)
    return {int(line): oid for oid, line in heads}


def test_every_line_has_the_commit_that_git_blame_gives_it(work: Path, tmp_path: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    groups = blamed(tmp_path, work / ".git", head, "new.c")
    assert by_line(groups) == expected(work)
    assert len(by_line(groups)) == 31
    part = blamed(tmp_path, work / ".git", head, "new.c", (3, 6))
    assert by_line(part) == {line: oid for line, oid in expected(work).items() if 3 <= line <= 6}
    changed = next(group for group in groups if group.line == 4)
    assert (changed.origin.subject, changed.origin.author, changed.path) == ("Two", "Ada Author", "old.c")
    assert changed.previous == (git("rev-parse", "HEAD~3", cwd=work).stdout.strip(), "old.c")
    assert next(group for group in groups if group.line == 1).previous is None


def test_commits_of_the_ignore_file_are_passed_over(work: Path, tmp_path: Path) -> None:
    head, indent = git("rev-parse", "HEAD", "HEAD~1", cwd=work).stdout.split()
    ignored = ignored_of((work / ".git-blame-ignore-revs").read_bytes())
    assert ignored == [indent]
    without = by_line(blamed(tmp_path, work / ".git", head, "new.c", ignored=[*ignored, "0" * 40]))
    assert without == expected(work, f"--ignore-rev={indent}")
    assert indent not in without.values()
    assert indent in by_line(blamed(tmp_path, work / ".git", head, "new.c")).values()


def test_what_git_will_not_do_is_an_error(work: Path, tmp_path: Path) -> None:
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    for file, lines in (("missing.c", None), ("new.c", (500, 600))):
        with pytest.raises(GitError):
            blamed(tmp_path, work / ".git", head, file, lines)


def test_quoted_paths_are_what_they_were() -> None:
    assert unquoted(b"plain name") == "plain name"
    assert unquoted(b'"a\\tb\\"c\\\\d\\303\\251"') == 'a\tb"c\\dé'
    assert unquoted(b"caf\xe9") == "caf\udce9"


@pytest.fixture(scope="module")
def pushed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("pushed")
    commit(work, {"a b.c": "int a;\nint b;\n"}, "One <b>")
    oid = commit(work, {"a b.c": "int a;\nint  b;\n"}, "Two")
    commit(work, {".git-blame-ignore-revs": oid + "\n", "dir/x": "1"}, "Three")
    server.cli("repo", "add", "alice/blamed", "--public")
    server.git("push", "-q", server.remote("alice/blamed"), "main", cwd=work)
    return work


def test_the_stream_tells_each_commit_once_and_every_line(server: Server, pushed: Path) -> None:
    address = "/api/repos/alice/blamed/blame/main/a%20b.c"
    answer = server.get(f"{address}?lines=2-2&lines=1-1&ignore=0")
    assert answer.headers["content-type"] == "application/x-ndjson"
    said = [json.loads(line) for line in answer.body.splitlines()]
    one, two = git("rev-parse", "main~2", "main~1", cwd=pushed).stdout.split()
    assert [line["oid"] for line in said if "line" in line] == [two, one]
    assert [line["line"] for line in said if "line" in line] == [2, 1]
    assert said[1]["previous"] == f"{one}/a%20b.c"
    assert said[-1] == {"done": True}
    told = [line["commit"] for line in said if "commit" in line]
    assert [commit["subject"] for commit in told] == ["Two", "One <b>"]
    respected = [json.loads(line) for line in server.get(address).body.splitlines()]
    assert {line["oid"] for line in respected if "line" in line} == {one}
    for bad in ("lines=0-1", "lines=2-1", "lines=x"):
        refused = server.get(f"{address}?{bad}", headers={"Accept": "application/json"})
        assert refused.status == 400
        assert "two line numbers" in refused.json()["message"]
    beyond = [json.loads(line) for line in server.get(f"{address}?lines=9-10").body.splitlines()]
    assert "error" in beyond[-1]


def test_without_a_script_the_page_has_it_all(server: Server, pushed: Path) -> None:
    nobody = Visitor(server)
    page = nobody.get("/alice/blamed/blame/main/a%20b.c")
    assert '<noscript><meta http-equiv="refresh" content="0; url=?plain">' in page.text
    assert "1 commit that <code>.git-blame-ignore-revs</code> names are passed over" in page.text.replace("\n", "")
    one, two = (oid[:8] for oid in git("rev-parse", "main~2", "main~1", cwd=pushed).stdout.split())
    plain = nobody.get("/alice/blamed/blame/main/a%20b.c?plain&ignore=0").text
    assert f">{one}</a>" in plain
    assert f">{two}</a>" in plain
    assert "Ada Author: One &lt;b&gt;" in plain
    before = re.search(r'href="(/alice/blamed/blame/[0-9a-f]{40}/a%20b\.c\?plain#L2)"', plain)
    assert before
    assert "int b;" in re.sub(r"<[^>]*>", "", nobody.get(before[1].partition("#")[0]).text)
    assert nobody.get("/alice/blamed/blame/main/dir").headers["location"] == "/alice/blamed/tree/main/dir"
    assert nobody.get("/alice/blamed/blame/main/nope").status == 404


def test_a_private_repository_blames_nobody_to_strangers(server: Server, pushed: Path) -> None:
    server.git("push", "-q", server.remote("alice/secret"), "main", cwd=pushed)
    for path in ("blame/main/a%20b.c", "tree/main", "last-commits/main", "paths/main", "refs"):
        answer = server.get(f"/api/repos/alice/secret/{path}")
        missing = server.get(f"/api/repos/alice/missing/{path}")
        assert answer.status == missing.status == 401, path
    assert server.get("/api/repos/alice/secret/tree/main", user="alice").status == 200
