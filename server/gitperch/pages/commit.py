"""One commit: as a page, and as the panel that the graph opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response

from gitperch.errors import NotFound
from gitperch.git import GitError, commits, diffs, names, objects
from gitperch.git.diffs import Diff
from gitperch.git.objects import MissingObject
from gitperch.pages.repository import RepositoryPage, open_repository

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.git.commits import Commit

PAGE_LINES, PANEL_LINES, FILE_LINES = 4000, 1000, 800
FILES = 500


async def show(request: Request) -> Response:
    page = await open_repository(request)
    git, path = page.host.git, page.repository.path
    given = request.path_params["oid"].lower()
    hexadecimal = all(digit in "0123456789abcdef" for digit in given)
    oid = await git.read(path, objects.commit_oid, given) if hexadecimal and 4 <= len(given) <= 64 else None
    if not oid:
        raise NotFound(
            f"There is no commit {given[:64]!r} in {page.repository.full_name}, or its short form means several."
        )
    panel = "panel" in request.query_params
    if oid != request.path_params["oid"]:
        return RedirectResponse(f"{page.root}/commit/{oid}" + ("?panel=1" if panel else ""), 302)
    commit = await git.read(path, commits.read, oid)
    diff, problem = await _diff(page, commit, PANEL_LINES if panel else PAGE_LINES)
    return page.response(
        "_commit.html" if panel else "commit.html",
        "commit",
        commit=commit,
        panel=panel,
        parents=await git.read(path, commits.several, commit.parents),
        refs=await _refs(page, oid),
        diff=diff,
        files=diff.files[:FILES],
        problem=problem,
    )


async def _diff(page: RepositoryPage, commit: Commit, lines: int) -> tuple[Diff, str]:
    """The changes against the first parent, or none and a sentence why."""
    parent = commit.parents[0] if commit.parents else None
    path = page.repository.path
    try:
        await page.host.git.read(path, objects.entries, commit.tree)
        return await diffs.of_commit(
            page.host.git, path, commit.oid, parent, file_lines=FILE_LINES, all_lines=lines
        ), ""
    except MissingObject as error:
        return Diff([], True), error.message
    except GitError:
        return Diff(
            [], True
        ), "The changes cannot be shown: objects of this commit or of its parent are missing in this repository."


async def _refs(page: RepositoryPage, oid: str) -> list[tuple[str, str]]:
    """Branches and tags that point here, each as (kind, short name)."""
    arguments = ("for-each-ref", "--count=50", f"--points-at={oid}", "--format=%(refname)", "refs/heads", "refs/tags")
    try:
        listed = await page.host.git.run(*arguments, path=page.repository.path, timeout=5)
    except GitError:
        return []
    found = []
    for line in listed.decode("utf-8", "surrogateescape").splitlines():
        if names.is_ref(line):
            _, folder, short = line.split("/", 2)
            found.append(("branch" if folder == "heads" else "tag", short))
    return found
