"""The graph page, with what it shows before, and without, any script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitperch.git import GitError, commits
from gitperch.pages.links import data_of_page, links_of
from gitperch.pages.overview import state_of
from gitperch.pages.repository import open_repository

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git import Git
    from gitperch.repositories import Repository

RECENT = 50
BRANCHES = 300
SECONDS = 2.0
KEPT = 100

Head = tuple[list[str], list[dict[str, Any]]]
"""The branches with the newest commits, and the newest commits themselves."""


class Graph:
    """Keeps what git said about a repository until its refs move."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[tuple[object, ...], Head]] = {}

    async def show(self, request: Request) -> Response:
        page = await open_repository(request)
        if page.empty:
            return page.response("graph.html", "graph")
        branches, recent = await self._head(page.host.git, page.repository)
        links = await links_of(page.host, page.repository, branches)
        branch_links = {name: {"url": link.url, "state": link.state} for name, link in links.items()}
        # An address that says more has its own first rows, which its script asks for.
        first = None if request.url.query else await data_of_page(page.host, page.repository, "graph")
        return page.response("graph.html", "graph", recent=recent, branch_links=branch_links, first=first)

    async def _head(self, git: Git, repository: Repository) -> Head:
        state = state_of(repository)
        kept = self._kept.get(repository.id)
        if kept and kept[0] == state:
            return kept[1]
        try:
            head = await _look(git, repository)
        except GitError:
            return [], []  # the page says without them that the graph needs its script
        if len(self._kept) >= KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[repository.id] = (state, head)
        return head


async def _look(git: Git, repository: Repository) -> Head:
    path = repository.path
    newest = (
        "for-each-ref",
        "--sort=-committerdate",
        f"--count={BRANCHES}",
        "--format=%(refname:lstrip=2)",
        "refs/heads",
    )
    listed = await git.run(*newest, path=path, timeout=SECONDS)
    log = await git.run("rev-list", "--branches", f"--max-count={RECENT}", path=path, timeout=SECONDS)
    oids = log.decode("ascii").split()
    found = await git.look_up(path, commits.several, oids)
    recent = [
        {"oid": oid, "subject": commit.subject, "author": commit.author.name, "time": commit.committer.at}
        for oid in oids
        if (commit := found.get(oid))
    ]
    return listed.decode("utf-8", "surrogateescape").splitlines(), recent
