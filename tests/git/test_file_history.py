"""The history of a file under all of its names, against histories that git made."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git
from gitperch.git.file_history import Cursor, changes
from gitperch.git.last_commits import last_commits
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from gitperch.git.file_history import Change, Changes

TEXT = "".join(f"line {n}\n" for n in range(40))


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., Any]:
    """Runs a coroutine function with a `Git` of its own before its arguments."""

    def run(function: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any, **options: Any) -> Any:
        async def inside() -> Any:
            runner = Git(GitSettings(), tmp_path / "runner")
            runner.prepare()
            try:
                return await function(runner, *arguments, **options)
            finally:
                runner.close()

        return asyncio.run(inside())

    return run


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A file that is changed, renamed with a change, changed, moved to a folder, changed."""
    work = tmp_path / "work"
    commit(work, {"old.txt": TEXT, "other.txt": "x\n"}, "One")
    commit(work, {"old.txt": TEXT + "more\n"}, "Two")
    git("mv", "old.txt", "new.txt", cwd=work)
    commit(work, {"new.txt": TEXT + "more\nstill\n"}, "Three")
    commit(work, {"other.txt": "y\n"}, "Not this file")
    commit(work, {"new.txt": TEXT}, "Four")
    (work / "docs").mkdir()
    git("mv", "new.txt", "docs/new.txt", cwd=work)
    commit(work, {}, "Five")
    commit(work, {"docs/new.txt": "all else\n" + TEXT}, "Six")
    return work


def subjects(work: Path, found: list[Change]) -> list[str]:
    return [git("log", "-1", "--format=%s", change.oid, cwd=work).stdout.strip() for change in found]


def test_a_file_is_followed_across_its_renames(work: Path, asked: Callable[..., Any]) -> None:
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    found: Changes = asked(changes, work / ".git", Cursor(head, "docs/new.txt"), 50, 20.0)
    assert subjects(work, found.changes) == ["Six", "Five", "Four", "Three", "Two", "One"]
    assert [change.status for change in found.changes] == ["M", "R", "M", "R", "M", "A"]
    assert [change.before for change in found.changes if change.before] == ["new.txt", "old.txt"]
    assert [change.path for change in found.changes][-2:] == ["old.txt", "old.txt"]
    assert (found.changes[0].added, found.changes[0].deleted) == (1, 0)
    assert [(change.added, change.deleted) for change in found.changes if change.before] == [(0, 0), (1, 0)]
    assert found.next is None
    assert found.whole


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_of_a_history_are_the_history(work: Path, asked: Callable[..., Any], limit: int) -> None:
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    whole = asked(changes, work / ".git", Cursor(head, "docs/new.txt"), 50, 20.0).changes
    cursor: Cursor | None = Cursor(head, "docs/new.txt")
    paged: list[Change] = []
    while cursor:
        page = asked(changes, work / ".git", cursor, limit, 20.0)
        assert 0 < len(page.changes) <= limit
        paged += page.changes
        cursor = page.next
    assert paged == whole


def test_without_time_a_history_can_be_gone_on_with(work: Path, asked: Callable[..., Any]) -> None:
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    hurried = asked(changes, work / ".git", Cursor(head, "docs/new.txt"), 50, 0.0)
    assert not hurried.whole
    assert hurried.next is not None
    rest = asked(changes, work / ".git", hurried.next, 50, 20.0).changes
    assert subjects(work, hurried.changes + rest) == ["Six", "Five", "Four", "Three", "Two", "One"]


def test_a_folder_and_odd_names_have_histories(work: Path, asked: Callable[..., Any]) -> None:
    names = ["*.txt", ":(top)x", "-n", 'a"b\tc', "caf\udce9.txt"]
    for name in names:
        commit(work, {name: name.encode("utf-8", "surrogateescape")}, f"Add {names.index(name)}")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    for name in names:
        found = asked(changes, work / ".git", Cursor(head, name), 50, 20.0).changes
        assert subjects(work, found) == [f"Add {names.index(name)}"], name
        assert found[0].path == name
    folder = asked(changes, work / ".git", Cursor(head, "docs"), 50, 20.0, folder=True).changes
    assert subjects(work, folder) == ["Six", "Five"]
    top = asked(changes, work / ".git", Cursor(head, ""), 3, 20.0, folder=True)
    assert subjects(work, top.changes) == ["Add 4", "Add 3", "Add 2"]
    assert top.next == Cursor(head, "", 3)


def test_a_file_that_a_merge_brought_is_followed_to_the_other_side(tmp_path: Path, asked: Callable[..., Any]) -> None:
    work = tmp_path / "work"
    commit(work, {"main.txt": "m\n"}, "Main")
    git("switch", "-q", "--orphan", "side", cwd=work)
    commit(work, {"tool.sh": TEXT}, "Tool")
    commit(work, {"tool.sh": TEXT + "better\n"}, "Better tool")
    git("switch", "-q", "main", cwd=work)
    git("merge", "-q", "-s", "ours", "--no-commit", "--allow-unrelated-histories", "side", cwd=work)
    git("read-tree", "--prefix=tool/", "-u", "side", cwd=work)
    commit(work, {}, "Join")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()
    found = asked(changes, work / ".git", Cursor(head, "tool/tool.sh"), 50, 20.0).changes
    assert subjects(work, found) == ["Join", "Better tool", "Tool"]
    assert found[0].before == "tool.sh"


def test_the_last_commit_of_each_entry_is_what_git_says_of_it_alone(work: Path, asked: Callable[..., Any]) -> None:
    commit(work, {"docs/deep/a": "1", "docs/deep/b": "2", "caf\udce9": "x"}, "Deep")
    commit(work, {"docs/deep/b": "3"}, "Deeper")
    head = git("rev-parse", "HEAD", cwd=work).stdout.strip()

    async def all_of(runner: Git, folder: str, names: list[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        async with aclosing(last_commits(runner, work / ".git", head, folder, names, 20.0)) as batches:
            async for batch in batches:
                found |= batch
        return found

    for folder in ("", "docs", "docs/deep"):
        listed = git("ls-tree", "-z", "--name-only", f"HEAD:{folder}", cwd=work).stdout.strip("\0").split("\0")
        inside = f"{folder}/" if folder else ""
        expected = {
            name: git("log", "-1", "--format=%H", "HEAD", "--", inside + name, cwd=work).stdout.strip()
            for name in listed
        }
        assert asked(all_of, folder, listed) == expected, folder
    assert asked(all_of, "docs/new.txt", []) == {"": git("rev-parse", "HEAD~2", cwd=work).stdout.strip()}
