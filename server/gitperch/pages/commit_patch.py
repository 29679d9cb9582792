"""A commit as `git format-patch` would write it, or its bare diff, straight from git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.git.diff.changes import COMMON
from gitperch.pages.streamed import StreamedFromGit

if TYPE_CHECKING:
    from gitperch.git.commits import Commit
    from gitperch.pages.repository import RepositoryPage

LIMIT = 256 << 20  # bytes
_SHOWN = ("--full-index", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "-M")


class StreamedPatch(StreamedFromGit):
    """`mail`: with the message, for `git am`; else the diff alone. A merge is shown against its first parent."""

    media_type = "text/plain"

    def __init__(self, page: RepositoryPage, commit: Commit, *, mail: bool) -> None:
        ending = "patch" if mail else "diff"
        headers = {
            "cache-control": "private, max-age=3600",
            "content-disposition": f'inline; filename="{commit.oid[:12]}.{ending}"',
            "content-security-policy": "sandbox; default-src 'none'",
            "vary": "cookie, authorization",
            "x-content-type-options": "nosniff",
        }
        arguments = _mail(commit) if mail else _diff(commit)
        super().__init__(page.host.git, page.repository.path, arguments, headers, LIMIT)


def _mail(commit: Commit) -> tuple[str, ...]:
    if len(commit.parents) > 1:
        shown = ("show", "--format=email", "--first-parent", "-m", "--patch-with-stat", *_SHOWN)
    else:
        shown = ("format-patch", "--stdout", "-1", "--root", "--no-signature", *_SHOWN)
    return (*shown, "--end-of-options", commit.oid, "--")


def _diff(commit: Commit) -> tuple[str, ...]:
    options = [option for option in COMMON if option != "-z" and not option.startswith("--abbrev")]
    given = (
        ("--end-of-options", commit.parents[0], commit.oid)
        if commit.parents
        else ("--root", "--end-of-options", commit.oid)
    )
    return ("diff-tree", *options, "--binary", "-p", "-M", *given, "--")
