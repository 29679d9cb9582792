"""What a commit changed, read from the real git's output, however odd the change."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from gitperch.config import GitSettings
from gitperch.git import Git, commits, diffs, objects
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import Any

    from gitperch.git.diffs import Diff, FileChange


@pytest.fixture
def runner(tmp_path: Path) -> Git:
    return Git(GitSettings(), tmp_path / "git-home")


def run(runner: Git, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def inside() -> Any:
        runner.prepare()
        return await work()

    try:
        return asyncio.run(inside())
    finally:
        runner.close()


def changes(runner: Git, work: Path, **limits: int) -> Diff:
    """What the newest commit changed."""
    given = {"file_lines": 100, "all_lines": 1000} | limits
    new, old = git("rev-parse", "HEAD", "HEAD~1", cwd=work).stdout.split()
    found: Diff = run(runner, lambda: diffs.of_commit(runner, work / ".git", new, old, **given))
    return found


def of(diff: Diff, path: str) -> FileChange:
    return next(file for file in diff.files if file.path == path)


def test_every_kind_of_change_keeps_its_own_lines(runner: Git, tmp_path: Path) -> None:
    work = tmp_path / "work"
    commit(
        work,
        {"a.txt": "one\ntwo\nthree\n", "b.bin": b"\0a", "c.txt": "x\n" * 9, "d": "file\n", "e.sh": "run\n", "z": "end"},
    )
    (work / "d").unlink()
    (work / "d").symlink_to("a.txt")
    git("mv", "c.txt", "moved.txt", cwd=work)
    (work / "e.sh").chmod(0o755)
    commit(work, {"a.txt": "one\n2\nthree\n", "b.bin": b"\0b", "new": "", "z": "end\n"})
    diff = changes(runner, work)
    assert diff.whole
    assert {file.path: file.status for file in diff.files} == {
        "a.txt": "modified",
        "b.bin": "modified",
        "d": "retyped",
        "e.sh": "modified",
        "moved.txt": "renamed",
        "new": "added",
        "z": "modified",
    }
    assert [(line.kind, line.old, line.new, line.text) for line in of(diff, "a.txt").hunks[0].lines] == [
        ("context", 1, 1, "one"),
        ("del", 2, None, "two"),
        ("add", None, 2, "2"),
        ("context", 3, 3, "three"),
    ]
    assert of(diff, "b.bin").binary
    assert not of(diff, "b.bin").hunks
    assert [line.text for hunk in of(diff, "d").hunks for line in hunk.lines if line.kind != "note"] == [
        "file",
        "a.txt",
    ]
    assert of(diff, "e.sh").mode_change == "100644 → 100755"
    assert of(diff, "moved.txt").old_path == "c.txt"
    assert of(diff, "new").hunks == []
    assert [line.kind for line in of(diff, "z").hunks[0].lines] == ["del", "note", "add"]


def test_the_changed_part_of_a_line_is_marked(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "color = red;\nsame\nwholly other\n"})
    commit(tmp_path, {"a": "color = green;\nsame\nxyz\n"})
    lines = of(changes(runner, tmp_path), "a").hunks[0].lines
    assert lines[0].parts == ("color = ", "red", ";")
    assert lines[1].parts == ("color = ", "green", ";")
    assert lines[3].changed is None


def test_paths_with_foreign_bytes_and_odd_letters_come_through(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1"})
    odd = [os.fsdecode(b"caf\xe9"), "tab\tname", 'quote"name', "a -> b", "diff --git a/x b/x", "ü/ö"]
    commit(tmp_path, dict.fromkeys(odd, "text\n"))
    diff = changes(runner, tmp_path)
    assert sorted(file.path for file in diff.files) == sorted(odd)
    assert all(file.added == 1 and file.hunks for file in diff.files)


def test_content_that_looks_like_a_diff_is_content(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n", "b": "1\n"})
    commit(tmp_path, {"a": "diff --git a/b b/b\n@@ -1 +1 @@\n--- a/b\n+++ b/b\n", "b": "2\n"})
    diff = changes(runner, tmp_path)
    assert [line.text for line in of(diff, "a").hunks[0].lines if line.kind == "add"] == [
        "diff --git a/b b/b",
        "@@ -1 +1 @@",
        "--- a/b",
        "+++ b/b",
    ]
    assert [line.text for line in of(diff, "b").hunks[0].lines] == ["1", "2"]


def test_limits_cut_the_lines_never_the_counts(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {"big": "line\n" * 200, "b": "1\n" * 60, "c": "1\n" * 60})
    diff = changes(runner, tmp_path, file_lines=100, all_lines=100)
    assert [(file.path, file.added, file.cut, bool(file.hunks)) for file in diff.files] == [
        ("b", 60, False, True),
        ("big", 200, True, False),
        ("c", 60, True, False),
    ]
    assert diff.added == 320


def test_a_huge_change_is_cut_off_without_waiting_for_its_end(
    runner: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffs, "OUTPUT_LIMIT", 100_000)
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {f"f{n:04}": "some line\n" * 20 for n in range(1500)})
    diff = changes(runner, tmp_path, all_lines=100_000)
    assert not diff.whole
    assert len(diff.files) > 500


def test_the_last_commit_of_each_entry_is_found_in_one_pass(runner: Git, tmp_path: Path) -> None:
    first = commit(tmp_path, {"keep": "1", "dir/old": "1", "dir/new": "1", os.fsdecode(b"\xff"): "1"}, "first")
    second = commit(tmp_path, {"dir/new": "2"}, "second")
    git("switch", "-qc", "side", first, cwd=tmp_path)
    side = commit(tmp_path, {"side": "1"}, "side")
    git("switch", "-q", "main", cwd=tmp_path)
    git("merge", "-q", "--no-ff", "-m", "merge", "side", cwd=tmp_path)
    head = git("rev-parse", "HEAD", cwd=tmp_path).stdout.strip()

    async def look() -> list[dict[str, str]]:
        path = tmp_path / ".git"
        names = {"keep", "dir", "side", os.fsdecode(b"\xff")}
        return [
            await commits.last_commits(runner, path, head, "", names, 5.0),
            await commits.last_commits(runner, path, head, "dir", {"old", "new"}, 5.0),
        ]

    top, inside = run(runner, look)
    assert top == {"keep": first, "dir": second, "side": side, os.fsdecode(b"\xff"): first}
    assert inside == {"old": first, "new": second}


@pytest.mark.parametrize(
    ("raw", "name", "email", "at"),
    [
        (b"A U Thor <a@b.c> 1700000000 +0200", "A U Thor", "a@b.c", 1700000000),
        (b"<a@b.c> 5 -0100", "", "a@b.c", 5),
        (b"Gr\xfc\xdfe <> 5 +0000", "Grüße", "", 5),
        (b"no mail at all", "no mail at all", "", 0),
        (b"A <a@b> -5 +0000", "A", "a@b", -5),
        (b"A <a@b> 99999999999999999999 +0000", "A", "a@b", 99999999999999999999),
        (b"", "", "", 0),
    ],
)
def test_authors_out_of_form_are_still_somebody(raw: bytes, name: str, email: str, at: int) -> None:
    found = commits.parse("0" * 40, b"tree " + b"1" * 40 + b"\nauthor " + raw + b"\n\nHello\n\nWorld\n")
    assert (found.author.name, found.author.email, found.author.at) == (name, email, at)
    assert (found.subject, found.body) == ("Hello", "World")


def test_a_message_is_read_in_the_encoding_it_names() -> None:
    raw = "tree {}\nencoding {}\n\n".format("1" * 40, "koi8-r").encode() + "Привет".encode("koi8-r")
    assert commits.parse("0" * 40, raw).subject == "Привет"
    unknown = b"tree 1\nencoding no-such\n\nGr\xfc\xdfe"
    assert commits.parse("0" * 40, unknown).subject == "Grüße"
    assert commits.parse("0" * 40, b"").message == ""


def test_a_path_is_found_without_following_links(runner: Git, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    work = tmp_path / "work"
    git("init", "-q", cwd=work)
    (work / "link").symlink_to("dir")
    oid = commit(work, {"dir/file": "1"})

    async def look() -> list[objects.Entry | None]:
        paths = ("dir/file", "link", "link/file", "dir/nothing", "dir/file/x", "")
        return [await runner.read(work / ".git", objects.find, oid, path) for path in paths]

    found = run(runner, look)
    assert [entry and entry.kind for entry in found] == ["blob", "link", None, None, None, "tree"]
