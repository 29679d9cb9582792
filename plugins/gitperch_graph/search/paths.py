"""Commits that touch a path, as git tells them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from gitperch.git import Git
    from gitperch.repositories import Repository

SECONDS = 120.0
_WILD = frozenset("*?[")


def pathspec(key: str, value: str) -> str:
    """What git calls the paths that are meant.

    A `file` without a slash may lie in any folder. Globs go without case; a plain path is compared as it is written, since only
    for such ones git can skip commits by the Bloom filters of its commit-graph (gitglossary(7), pathspec).
    """
    value = value.strip().removeprefix("/")
    wild = not _WILD.isdisjoint(value)
    if key == "file" and "/" not in value:
        return f":(top,glob,icase)**/{value}"
    return f":(top,glob,icase){value}{'**' if value.endswith('/') else ''}" if wild else f":(top,literal){value}"


async def touching(git: Git, repo: Repository, tips: Iterable[str], spec: str) -> AsyncGenerator[list[str], None]:
    """The oids of the commits below `tips` that change what `spec` names, newest first by their dates, as git finds them.

    Of merges those that differ from every parent there. Raises GitError, also after SECONDS.
    """
    walk = ("rev-list", "--full-history", "--stdin", "--", spec)
    async with git.stream(*walk, path=repo.path, timeout=SECONDS) as process:
        assert process.stdin and process.stdout  # noqa: S101, PT018 -- pipes, as `stream` makes them
        process.stdin.write("".join(f"{tip}\n" for tip in tips).encode())
        process.stdin.close()
        rest = b""
        while chunk := await process.stdout.read(1 << 16):
            *lines, rest = (rest + chunk).split(b"\n")
            yield [line.decode("ascii", "replace") for line in lines]
