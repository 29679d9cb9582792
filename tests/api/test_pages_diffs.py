"""What a commit changed, read from the real git's output, however odd the change."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitperch.config import GitSettings
from gitperch.drawing import hunks, rows
from gitperch.git import Git, GitError, commits, objects
from gitperch.git.diff import Span, changes, patches
from gitperch.git.diff.patches import WHOLE
from support.server import commit, git

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from gitperch.drawing.hunks import Patch
    from gitperch.git.diff import Changes, FileChange


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


def span_of(work: Path, **how: bool) -> Span:
    """What the newest commit changed."""
    new, old = git("rev-parse", "HEAD", "HEAD~1", cwd=work).stdout.split()
    return Span(old, new, **how)


def listed(runner: Git, work: Path, **how: bool) -> Changes:
    found: Changes = run(runner, lambda: changes(runner, work / ".git", span_of(work, **how)))
    return found


def shown(runner: Git, work: Path, *, limit: int = 1 << 20, context: int = 3, **how: bool) -> dict[str, Patch]:
    """The patch of each file that the newest commit changed."""

    async def look() -> dict[str, bytes]:
        span = span_of(work, **how)
        found = await changes(runner, work / ".git", span)
        return await patches(runner, work / ".git", span, found.files, limit=limit, context=context)

    found: dict[str, bytes] = run(runner, look)
    return {name: hunks.read(patch, 10_000) for name, patch in found.items()}


def of(diff: Changes, path: str) -> FileChange:
    return next(file for file in diff.files if file.path == path)


def lines_of(patch: Patch) -> list[tuple[str, int | None, int | None, str]]:
    return [(line.kind, line.old, line.new, line.text) for hunk in patch.hunks for line in hunk.lines]


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
    diff, patch = listed(runner, work), shown(runner, work)
    assert diff.whole
    assert diff.counted
    assert {file.path: file.status for file in diff.files} == {
        "a.txt": "modified",
        "b.bin": "modified",
        "d": "retyped",
        "e.sh": "modified",
        "moved.txt": "renamed",
        "new": "added",
        "z": "modified",
    }
    assert lines_of(patch["a.txt"]) == [
        ("context", 1, 1, "one"),
        ("del", 2, None, "two"),
        ("add", None, 2, "2"),
        ("context", 3, 3, "three"),
    ]
    assert of(diff, "b.bin").binary
    assert patch["b.bin"].hunks == []
    assert [text for kind, _, _, text in lines_of(patch["d"]) if kind != "note"] == ["file", "a.txt"]
    assert of(diff, "e.sh").mode_change == "100644 → 100755"
    assert (of(diff, "moved.txt").old_path, of(diff, "moved.txt").similarity) == ("c.txt", 100)
    assert patch["new"].hunks == []
    assert [kind for kind, _, _, _ in lines_of(patch["z"])] == ["del", "note", "add"]


def test_renames_and_copies_say_how_alike_they_are(runner: Git, tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(50))
    commit(tmp_path, {"one": text, "two": text.replace("line", "row")})
    git("mv", "one", "moved", cwd=tmp_path)
    commit(
        tmp_path,
        {"moved": text + "more\n", "two": text.replace("line", "row") + "x\n", "copy": text.replace("line", "row")},
    )
    found = {
        file.path: (file.status, file.old_path, (file.similarity or 0) > 80) for file in listed(runner, tmp_path).files
    }
    assert found["moved"] == ("renamed", "one", True)
    assert found["copy"] == ("copied", "two", True)
    patch = shown(runner, tmp_path)
    assert [text for kind, _, _, text in lines_of(patch["moved"]) if kind != "context"] == ["more"]


def test_the_words_that_changed_are_marked(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "color = red;\nsame\nwholly other\n    return foo(a, b)\nspeed = 5.0\n"})
    commit(tmp_path, {"a": "color = green;\nsame\nxyz\n    return bar(a, b, c)\nspeed = 7.5\n"})
    lines = shown(runner, tmp_path)["a"].hunks[0].lines
    marked = {line.text: [line.text[start:end] for start, end in line.changed] for line in lines if line.kind == "add"}
    assert marked == {
        "color = green;": ["green"],
        "xyz": [],
        "    return bar(a, b, c)": ["bar", ", c"],
        "speed = 7.5": ["7.5"],
    }


def test_a_line_is_compared_with_the_one_that_it_became(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "first thing here\nsecond thing here\n"})
    commit(tmp_path, {"a": "something quite new\nand more\nfirst thing there\nsecond thing there\n"})
    lines = shown(runner, tmp_path)["a"].hunks[0].lines
    partners = {
        line.text: lines[line.partner].text for line in lines if line.kind == "del" and line.partner is not None
    }
    assert partners == {"first thing here": "first thing there", "second thing here": "second thing there"}


def test_blank_space_can_be_left_out(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "def f():\n    return 1\n", "b": "x\ny\n"})
    commit(tmp_path, {"a": "def f():\n\treturn 1\n", "b": "x \nz\n"})
    assert set(shown(runner, tmp_path)) == {"a", "b"}
    without = shown(runner, tmp_path, ignore_space=True)
    assert set(without) == {"b"}
    assert [text for kind, _, _, text in lines_of(without["b"]) if kind != "context"] == ["y", "z"]
    counts = {file.path: file.lines for file in listed(runner, tmp_path, ignore_space=True).files}
    assert counts == {"a": 0, "b": 2}


def test_a_file_given_whole_is_cut_to_its_changes_under_the_function_they_are_in(runner: Git, tmp_path: Path) -> None:
    text = "def first():\n" + "    pass\n" * 20 + "def second():\n" + "    pass\n" * 20
    commit(tmp_path, {"a.py": text})
    commit(tmp_path, {"a.py": text.replace("pass", "here", 1)[:-1] + " # end\n"})
    whole = shown(runner, tmp_path, context=WHOLE)["a.py"]
    assert len(whole.hunks) == 1
    cut = hunks.trimmed(whole, 3)
    plain = shown(runner, tmp_path)["a.py"]
    assert lines_of(cut) == lines_of(plain)
    assert cut.hunks[1].heading == "def second():"


def test_a_merge_shows_what_differs_from_every_parent(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n2\n3\n", "odd \tname": "1\n"})
    git("switch", "-qc", "side", cwd=tmp_path)
    commit(tmp_path, {"a": "side\n2\n3\n", "odd \tname": "side\n"})
    git("switch", "-q", "main", cwd=tmp_path)
    commit(tmp_path, {"a": "main\n2\n3\n", "odd \tname": "main\n"})
    git("merge", "-q", "side", cwd=tmp_path)
    commit(tmp_path, {"a": "both\n2\n3\n", "odd \tname": "both\n"})
    diff, patch = listed(runner, tmp_path, combined=True), shown(runner, tmp_path, combined=True)
    assert [file.path for file in diff.files] == ["a", "odd \tname"]
    for path in ("a", "odd \tname"):
        assert [(kind, text) for kind, _, _, text in lines_of(patch[path])][:3] == [
            ("del", "main"),
            ("del", "side"),
            ("add", "both"),
        ]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_a_file_that_came_or_went_is_drawn(runner: Git, tmp_path: Path, split: bool, whole: bool) -> None:
    commit(tmp_path, {"gone.py": "import os\n", "kept": "1\n", "emptied.py": "x = 1\n"})
    git("rm", "-q", "gone.py", cwd=tmp_path)
    commit(tmp_path, {"come.py": "import sys\n", "emptied.py": ""})

    async def look() -> dict[str, bytes]:
        span = span_of(tmp_path)
        found = await changes(runner, tmp_path / ".git", span)
        context = WHOLE if whole else 3
        return await patches(runner, tmp_path / ".git", span, found.files, limit=1 << 20, context=context)

    for path, patch in run(runner, look).items():
        job = {"path": path, "old_path": path, "split": split, "lines": 100, "whole": whole, "context": 3}
        _, html = rows.diff(job, patch)
        assert html.count("<tr") == 1, path
        assert "hl-" in html
        assert "gap" not in html


def test_a_merge_offers_no_lines_by_numbers_of_an_old_side_that_is_several(runner: Git, tmp_path: Path) -> None:
    job = {"path": "a", "old_path": "a", "split": False, "lines": 100, "whole": False, "context": 3}
    lines = "".join(f"  {number}\n" for number in range(10, 13))
    patch = f"diff --cc a\n@@@ -10,3 -10,3 +10,4 @@@ f\n{lines}++both\n".encode()
    assert 'class="gap"' in rows.diff(job, patch)[1]
    assert "data-first" not in rows.diff(job, patch)[1]


def test_paths_with_foreign_bytes_and_odd_letters_come_through(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1"})
    odd = [
        os.fsdecode(b"caf\xe9"),
        "tab\tname",
        'quote"name',
        "a -> b",
        "diff --git a/x b/x",
        "ü/ö",
        "a b/a b",
        ":(top)x",
    ]
    commit(tmp_path, dict.fromkeys(odd, "text\n"))
    diff, patch = listed(runner, tmp_path), shown(runner, tmp_path)
    assert sorted(file.path for file in diff.files) == sorted(odd)
    assert all(file.added == 1 for file in diff.files)
    assert sorted(patch) == sorted(odd)
    for name in odd:
        git("mv", name, f"{name}.moved", cwd=tmp_path)
    commit(tmp_path, {f"{name}.moved": "text\nmore\n" * 1 for name in odd})
    assert sorted(shown(runner, tmp_path)) == sorted(file.path for file in listed(runner, tmp_path).files)


def test_content_that_looks_like_a_diff_is_content(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n", "b": "1\n"})
    commit(tmp_path, {"a": "diff --git a/b b/b\n@@ -1 +1 @@\n--- a/b\n+++ b/b\n", "b": "2\n"})
    patch = shown(runner, tmp_path)
    assert [text for kind, _, _, text in lines_of(patch["a"]) if kind == "add"] == [
        "diff --git a/b b/b",
        "@@ -1 +1 @@",
        "--- a/b",
        "+++ b/b",
    ]
    assert [text for _, _, _, text in lines_of(patch["b"])] == ["1", "2"]


def test_lines_of_any_encoding_and_length_can_be_shown(runner: Git, tmp_path: Path) -> None:
    commit(
        tmp_path, {"latin": b"Gr\xfc\xdfe\n", "crlf": b"a\r\nb\r\n", "mixed": b"a\r\nb\r\n", "long": "x" * 1_000_000}
    )
    commit(tmp_path, {"latin": b"Gr\xfc\xdfe!\n", "crlf": b"a\r\nc\r\n", "mixed": b"a\r\nb\n", "long": "y" * 1_000_000})
    patch = shown(runner, tmp_path, limit=8 << 20)
    assert patch["latin"].foreign
    assert lines_of(patch["latin"])[1][3] == "Grüße!"
    assert [text for _, _, _, text in lines_of(patch["crlf"])] == ["a", "b", "c"]
    assert [text for _, _, _, text in lines_of(patch["mixed"])] == ["a", "b\r", "b"]
    line = patch["long"].hunks[0].lines[0]
    assert (len(line.text), line.length) == (hunks.LINE_LIMIT, 1_000_000)


def test_what_is_too_long_is_cut_off_never_miscounted(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {"b": "1\n" * 60, "big": "some line\n" * 50_000})
    assert {file.path: file.added for file in listed(runner, tmp_path).files} == {"b": 60, "big": 50_000}
    patch = shown(runner, tmp_path, limit=100_000)
    assert len(lines_of(patch["b"])) == 60
    assert patch["big"].cut


def test_of_too_many_files_the_first_are_listed(runner: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[changes.__module__], "OUTPUT_LIMIT", 100_000)
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {f"f{n:04}": "some line\n" * 20 for n in range(1500)})
    diff = listed(runner, tmp_path)
    assert not diff.whole
    assert 500 < len(diff.files) < 1500


def test_files_are_listed_even_where_there_is_no_time_to_count(
    runner: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(tmp_path, {"a": "1\n"})
    commit(tmp_path, {f"f{n:03}": "some line\n" for n in range(300)})
    module = sys.modules[changes.__module__]
    real = module.looked_up

    async def late(git: Git, *arguments: str, **how: Any) -> tuple[bytes, bool]:
        output, whole = await real(git, *arguments, **how)
        return (output[: len(output) // 4], False) if "--numstat" in arguments else (output, whole)

    monkeypatch.setattr(module, "looked_up", late)
    diff = listed(runner, tmp_path)
    assert (len(diff.files), diff.whole, diff.counted, diff.files[0].added) == (300, True, False, None)


def test_nothing_is_known_of_a_repository_without_its_objects(runner: Git, tmp_path: Path) -> None:
    commit(tmp_path, {"a": "1\n"})
    missing = Span("", "0" * 39 + "1")
    with pytest.raises(GitError):
        run(runner, lambda: changes(runner, tmp_path / ".git", missing))


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
