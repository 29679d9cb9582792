"""Which files changed, with their line counts, from one `git diff-tree`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gitperch.git.bounded import looked_up

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gitperch.git import Git

OUTPUT_LIMIT = 6 << 20  # bytes: some 30,000 files
LARGE = 64 << 10  # bytes, some 400 files; more is read in a thread
SECONDS = 6.0
EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""git knows them without an object, by the digits of an oid."""
COMMON = """-r -z --full-index --abbrev=64 --no-color --no-ext-diff --no-textconv --no-commit-id --submodule=short
    --diff-algorithm=histogram --src-prefix=a/ --dst-prefix=b/""".split()
RENAMES = ("-M", "-C", "-l400")
_LINK, _MODULE = 0o120000, 0o160000

Status = Literal["added", "deleted", "modified", "renamed", "copied", "retyped", "merged"]
_STATUS: dict[str, Status] = {
    "A": "added",
    "D": "deleted",
    "M": "modified",
    "R": "renamed",
    "C": "copied",
    "T": "retyped",
}


@dataclass(frozen=True)
class Span:
    """What is compared: the commit or tree `old` ("" for nothing) with the commit `new`.

    `combined` shows of the merge `new` what differs from all of its parents instead; `old` is the first of them then.
    """

    old: str
    new: str
    ignore_space: bool = False
    combined: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """For `git diff-tree`."""
        space = ("-w", "--ignore-blank-lines") if self.ignore_space else ()
        if self.combined:
            return (*space, "--end-of-options", self.new)
        return (*space, "--end-of-options", self.old or EMPTY_TREES[len(self.new)], self.new)


@dataclass(slots=True)
class FileChange:
    """One changed file. Paths keep foreign bytes as surrogates; oids are those of the blobs, all zeros for none.

    `added` and `deleted` count lines, and are None where that is not known: for binary files, or where time ran out.
    `similarity` is in percent, of a rename or a copy.
    """

    status: Status
    path: str
    old_path: str | None
    old_mode: int
    new_mode: int
    old_oid: str
    new_oid: str
    similarity: int | None = None
    added: int | None = None
    deleted: int | None = None
    binary: bool = False

    @property
    def lines(self) -> int:
        return (self.added or 0) + (self.deleted or 0)

    @property
    def mode_change(self) -> str:
        """`100644 → 100755`, or "" where the mode stayed."""
        same = self.old_mode == self.new_mode or not self.old_mode or not self.new_mode
        return "" if same else f"{self.old_mode:06o} → {self.new_mode:06o}"

    @property
    def module(self) -> bool:
        """Whether a submodule is, or was, at this path."""
        return _MODULE in (self.old_mode, self.new_mode)

    @property
    def link(self) -> bool:
        return _LINK in (self.old_mode, self.new_mode)

    @property
    def touched(self) -> bool:
        """Whether the content differs, not only name and mode."""
        return self.old_oid != self.new_oid


@dataclass(frozen=True)
class Changes:
    """`whole` is false where there are more files than the limits allow, `counted` where not all lines were counted in time."""

    files: list[FileChange]
    whole: bool = True
    counted: bool = True

    @cached_property
    def added(self) -> int:
        return sum(file.added or 0 for file in self.files)

    @cached_property
    def deleted(self) -> int:
        return sum(file.deleted or 0 for file in self.files)


async def changes(git: Git, path: Path, span: Span, only: Sequence[str] = ()) -> Changes:
    """The files that differ in the repository at `path`, in git's order, or those of them at `only` these paths. Raises GitError, Busy."""
    output, whole = await _said(git, path, span, only, () if span.combined else ("--numstat",))
    if not whole and len(output) < OUTPUT_LIMIT:
        # There was no time to count. git listed the files before, but may have kept the last of them back.
        output, whole = await _said(git, path, span, only, ())
        found = await asyncio.to_thread(_read, output, whole, span.combined)
        return replace(found, counted=False)
    if len(output) < LARGE:
        return _read(output, whole, span.combined)
    return await asyncio.to_thread(_read, output, whole, span.combined)


async def _said(git: Git, path: Path, span: Span, only: Sequence[str], formats: tuple[str, ...]) -> tuple[bytes, bool]:
    return await looked_up(
        git,
        *("diff-tree", *COMMON, *(("-c",) if span.combined else RENAMES), "--raw", *formats, *span.arguments, "--"),
        *(f":(literal){name}" for name in only),
        path=path,
        limit=OUTPUT_LIMIT,
        seconds=SECONDS,
    )


def _read(output: bytes, whole: bool, combined: bool) -> Changes:
    tokens = Tokens(output)
    files, listed = raw(tokens)
    # The counts come after the files: where they have begun, all the files are known.
    whole = whole or (listed and tokens.more)
    counted = combined or (listed and _counted(files, tokens))
    return Changes(files, whole, counted)


class Tokens:
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

    def begins(self, mark: bytes) -> bool:
        return self.output.startswith(mark, self.at)

    @property
    def more(self) -> bool:
        return self.at < len(self.output)


def raw(tokens: Tokens) -> tuple[list[FileChange], bool]:
    """The files of the `--raw` part, and whether it was there to its end."""
    files: list[FileChange] = []
    try:
        while tokens.begins(b":"):
            files.append(_merged(tokens) if tokens.begins(b"::") else _changed(tokens))
    except EOFError:
        return files, False
    return files, True


def _changed(tokens: Tokens) -> FileChange:
    old_mode, new_mode, old_oid, new_oid, status = tokens.next()[1:].split(" ")
    path = tokens.next()
    new_path = tokens.next() if status[0] in "RC" else None
    return FileChange(
        _STATUS.get(status[0], "modified"),
        new_path or path,
        path if new_path else None,
        int(old_mode, 8),
        int(new_mode, 8),
        old_oid,
        new_oid,
        int(status[1:]) if new_path and status[1:].isdigit() else None,
    )


def _merged(tokens: Tokens) -> FileChange:
    """A line of a merge: a colon, a mode and an oid for each parent (git-diff-tree(1), "diff format for merges")."""
    head = tokens.next()
    parents = len(head) - len(head.lstrip(":"))
    fields = head[parents:].split(" ")
    return FileChange(
        "merged", tokens.next(), None, int(fields[0], 8), int(fields[parents], 8), fields[parents + 1], fields[-2]
    )


def _counted(files: list[FileChange], tokens: Tokens) -> bool:
    """Read the `--numstat` part; whether it was there to its end."""
    # Under -w a file with nothing else has no line here, so that they are not in step.
    by_path = {file.path: file for file in files}
    try:
        while tokens.more:
            added, deleted, path = tokens.next().split("\t", 2)
            if not path:  # a rename has its two paths in fields of their own
                tokens.next()
                path = tokens.next()
            file = by_path.get(path)
            if file:
                file.binary = added == "-"
                file.added, file.deleted = (None, None) if file.binary else (int(added), int(deleted))
    except (EOFError, ValueError):
        return False
    return True
