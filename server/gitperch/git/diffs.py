"""What a commit changed: files with line counts, and the unified diff, from one `git diff-tree`."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gitperch.git.bounded import looked_up

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitperch.git import Git

OUTPUT_LIMIT = 6 << 20
SECONDS = 10.0
_STATUS = {"A": "added", "D": "deleted", "M": "modified", "R": "renamed", "C": "copied", "T": "retyped"}
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)", re.DOTALL)
_COMMAND = """diff-tree -r -z -M -l400 --raw --numstat -p --full-index --abbrev=64 --no-color --no-ext-diff
    --no-textconv --no-commit-id --submodule=short --src-prefix=a/ --dst-prefix=b/""".split()
LINE_LIMIT = 2000  # characters of one line that are shown

LineKind = Literal["context", "add", "del", "note"]


@dataclass(frozen=True)
class Line:
    """A line of a hunk. `changed` is the part (start, end) in which it differs from its counterpart, where there is one."""

    kind: LineKind
    old: int | None
    new: int | None
    text: str
    changed: tuple[int, int] | None = None

    @property
    def parts(self) -> tuple[str, str, str]:
        """The text before, in and after the changed part."""
        start, end = self.changed or (0, 0)
        return self.text[:start], self.text[start:end], self.text[end:]


@dataclass(frozen=True)
class Hunk:
    heading: str
    lines: list[Line]


@dataclass
class FileChange:
    """One changed file. `added` and `deleted` count lines, 0 for a binary one. Paths keep foreign bytes as surrogates.

    `hunks` is empty and `cut` true where the file's diff is over a limit.
    """

    status: str
    path: str
    old_path: str | None
    old_mode: int
    new_mode: int
    added: int = 0
    deleted: int = 0
    binary: bool = False
    hunks: list[Hunk] = field(default_factory=list)
    cut: bool = False

    @property
    def mode_change(self) -> str:
        """`100644 → 100755`, or "" where the mode stayed."""
        same = self.old_mode == self.new_mode or not self.old_mode or not self.new_mode
        return "" if same else f"{self.old_mode:06o} → {self.new_mode:06o}"


@dataclass(frozen=True)
class Diff:
    """`whole` is false where git had more to say than the limits allow."""

    files: list[FileChange]
    whole: bool

    @property
    def added(self) -> int:
        return sum(file.added for file in self.files)

    @property
    def deleted(self) -> int:
        return sum(file.deleted for file in self.files)


async def of_commit(git: Git, path: Path, oid: str, parent: str | None, *, file_lines: int, all_lines: int) -> Diff:
    """What `oid` changed against `parent`, or, without one, against nothing.

    Files above `file_lines` lines, and those after `all_lines` in all, come without hunks. Raises GitError.
    """
    output, whole = await looked_up(
        git,
        *_COMMAND,
        *(["--end-of-options", parent, oid] if parent else ["--root", "--end-of-options", oid]),
        path=path,
        limit=OUTPUT_LIMIT,
        seconds=SECONDS,
    )
    listed, patch = _listed(output)
    sections = _sections(patch)
    budget = all_lines
    for file in listed:
        # git shows a file that became a link as one gone and one come.
        parts = list(itertools.islice(sections, 2 if file.status == "retyped" else 1))
        lines = file.added + file.deleted
        if not parts or lines > file_lines or lines > budget:
            file.cut = not parts or lines > 0
            continue
        budget -= lines
        if not file.binary:
            file.hunks = [hunk for part in parts for hunk in _hunks(part)]
    return Diff(listed, whole)


class _Tokens:
    """What `-z` ends with NUL, one after the other. `next` raises EOFError where the output was cut off."""

    def __init__(self, output: bytes) -> None:
        self.output = output
        self.at = 0

    def next(self) -> str:
        end = self.output.find(b"\0", self.at)
        if end < 0:
            raise EOFError
        text = self.output[self.at : end].decode("utf-8", "surrogateescape")
        self.at = end + 1
        return text


def _listed(output: bytes) -> tuple[list[FileChange], bytes]:
    """The files of the `--raw` and `--numstat` parts, and the patch that follows them."""
    files: list[FileChange] = []
    tokens = _Tokens(output)
    try:
        while output[tokens.at : tokens.at + 1] == b":":
            files.append(_raw(tokens))
        for file in files:
            _count(file, tokens)
    except EOFError:
        return files, b""
    return files, output[tokens.at :].removeprefix(b"\0")


def _raw(tokens: _Tokens) -> FileChange:
    old_mode, new_mode, _, _, status = tokens.next()[1:].split(" ")
    path = tokens.next()
    new_path = tokens.next() if status[0] in "RC" else None
    return FileChange(
        _STATUS.get(status[0], "modified"),
        new_path or path,
        path if new_path else None,
        int(old_mode, 8),
        int(new_mode, 8),
    )


def _count(file: FileChange, tokens: _Tokens) -> None:
    added, deleted, path = tokens.next().split("\t", 2)
    if not path:  # a rename has its two paths in fields of their own
        tokens.next()
        tokens.next()
    file.binary = added == "-"
    file.added, file.deleted = (0, 0) if file.binary else (int(added), int(deleted))


def _sections(patch: bytes) -> Iterator[list[str]]:
    """The lines of each file's part of a patch, in order."""
    section: list[str] | None = None
    for raw in patch.split(b"\n"):
        if raw.startswith(b"diff --git "):
            if section is not None:
                yield section
            section = []
        elif section is not None:
            section.append(raw.decode("utf-8", "replace"))
    if section is not None:
        yield section


def _hunks(section: list[str]) -> Iterator[Hunk]:
    hunk: Hunk | None = None
    old = new = 0
    for line in section:
        if match := _HUNK.fullmatch(line):
            if hunk:
                yield _compared(hunk)
            old, new = int(match[1]), int(match[2])
            hunk = Hunk(match[3], [])
        elif hunk is None or not line:
            continue
        else:
            sign, text = line[0], line[1 : LINE_LIMIT + 1].rstrip("\r")
            if sign == "+":
                hunk.lines.append(Line("add", None, new, text))
                new += 1
            elif sign == "-":
                hunk.lines.append(Line("del", old, None, text))
                old += 1
            elif sign == "\\":
                hunk.lines.append(Line("note", None, None, "No newline at the end of the file"))
            else:
                hunk.lines.append(Line("context", old, new, text))
                old, new = old + 1, new + 1
    if hunk:
        yield _compared(hunk)


def _compared(hunk: Hunk) -> Hunk:
    """Mark in each run of as many deleted as added lines what changed within a line."""
    lines, at = hunk.lines, 0
    while at < len(lines):
        middle = _end_of(lines, at, "del")
        end = _end_of(lines, middle, "add")
        if middle > at and end - middle == middle - at:
            for a, b in zip(range(at, middle), range(middle, end), strict=True):
                lines[a], lines[b] = _pair(lines[a], lines[b])
        at = max(end, at + 1)
    return hunk


def _end_of(lines: list[Line], start: int, kind: LineKind) -> int:
    while start < len(lines) and lines[start].kind == kind:
        start += 1
    return start


def _pair(old: Line, new: Line) -> tuple[Line, Line]:
    shorter = min(len(old.text), len(new.text))
    head = 0
    while head < shorter and old.text[head] == new.text[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old.text[-1 - tail] == new.text[-1 - tail]:
        tail += 1
    if head + tail < shorter * 0.3:  # hardly anything in common: marks would only be noise
        return old, new
    return (
        Line("del", old.old, None, old.text, (head, len(old.text) - tail)),
        Line("add", None, new.new, new.text, (head, len(new.text) - tail)),
    )
