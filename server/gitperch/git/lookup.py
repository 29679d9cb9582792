"""Commits by their names in hex, in any repository that git can read: by libgit2, else by git."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.git import batch, commits, objects
from gitperch.git.process import UnreadableRepository

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch.git.commits import Commit


async def commit_oid(git: Git, path: Path, given: str) -> str | None:
    """The commit that a full or abbreviated (4 digits at least) hex id means, tags peeled; None for anything else. Raises GitError."""
    if not 4 <= len(given) <= 64 or any(digit not in "0123456789abcdef" for digit in given):
        return None
    try:
        return await git.read(path, objects.commit_oid, given)
    except UnreadableRepository:
        found = (await batch.fetched(git, path, [f"{given}^{{commit}}"]))[0]
        return found[0] if found else None


async def several(git: Git, path: Path, oids: Sequence[str]) -> dict[str, Commit]:
    """Those of the commits that are there. Raises GitError."""
    try:
        return await git.read(path, commits.several, oids)
    except UnreadableRepository:
        found = await batch.fetched(git, path, list(dict.fromkeys(oids)))
        return {it[0]: commits.parse(it[0], it[2]) for it in found if it and it[1] == "commit"}


async def blob(git: Git, path: Path, commit: str, name: str, limit: int) -> objects.Blob | None:
    """The file `name` of `commit`, or of one above `limit` bytes its size; None where there is none.

    Raises MissingObject, GitError.
    """
    try:
        return await git.read(path, _blob, commit, name, limit)
    except UnreadableRepository:
        if "\n" in name:
            return None
        place = f"{commit}:{name}"
        size = (await batch.sizes_of(git, path, [place]))[0]
        if size is None or size > limit:
            return objects.Blob("", size, b"") if size else None
        found = (await batch.fetched(git, path, [place]))[0]
        return objects.Blob(found[0], len(found[2]), found[2]) if found and found[1] == "blob" else None


def _blob(repository: LibgitRepository, commit: str, name: str, limit: int) -> objects.Blob | None:
    entry = objects.find(repository, commit, name)
    return objects.blob(repository, entry.oid, limit) if entry and entry.kind in ("blob", "link") else None
