"""What every page of a repository begins with, and the graph page, which needs nothing more."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.errors import BadRequest, NotFound
from gitperch.git import GitError, commits, names, refs
from gitperch.host import host_of
from gitperch.pages.visitor import sender

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.accounts.access import Permission, Viewer
    from gitperch.host import Host
    from gitperch.plugin import BranchLink
    from gitperch.repositories import Repository

RECENT = 50
LINKED_BRANCHES = 300
GRAPH_SECONDS = 2.0


@dataclass
class RepositoryPage:
    """A repository that the viewer may see, and what its layout needs to know."""

    request: Request
    host: Host
    viewer: Viewer
    repository: Repository
    rank: int
    branches_count: int

    @property
    def root(self) -> str:
        """The address of the repository's first page."""
        return f"/{self.repository.full_name}"

    @property
    def empty(self) -> bool:
        return not self.branches_count

    def response(
        self, template: str, tab: str, status: int = 200, headers: Mapping[str, str] | None = None, **context: Any
    ) -> Response:
        host, repository = self.host, self.repository
        every = {
            "repository": repository,
            "clone_url": f"{host.config.base_url}/{repository.full_name}.git",
            "tab": tab,
            "can_write": self.rank >= 2,
            "can_admin": self.rank >= 3,
            "head": repository.head,
            "branches_count": self.branches_count,
            "empty": self.empty,
        }
        return host.templates.response(self.request, template, status, headers, **(every | context))


async def open_repository(request: Request, permission: Permission = "read") -> RepositoryPage:
    """The repository that the address names. Raises what `Access.repository` raises."""
    host = host_of(request)
    owner, name = request.path_params["owner"], request.path_params["name"]
    try:
        names.owner_name(owner)
        name = names.repository_name(name)
    except BadRequest:
        raise NotFound(
            f"There is no page at {request.url.path[:200]}. Check the address, or start from the top."
        ) from None
    viewer = await sender(request)
    repository = await host.access.repository(viewer, owner, name, permission)
    rank = await host.access.permission(viewer, repository)
    return RepositoryPage(request, host, viewer, repository, rank, await _branches_count(host, repository))


async def graph(request: Request) -> Response:
    """The graph page, with what it shows before, and without, any script: the newest commits and the newest branches' links."""
    page = await open_repository(request)
    if page.empty:
        return page.response("graph.html", "graph")
    git, path = page.host.git, page.repository.path
    recent: list[dict[str, Any]] = []
    links: Mapping[str, BranchLink] = {}
    newest = (
        "for-each-ref",
        "--sort=-committerdate",
        f"--count={LINKED_BRANCHES}",
        "--format=%(refname:lstrip=2)",
        "refs/heads",
    )
    try:
        listed = await git.run(*newest, path=path, timeout=GRAPH_SECONDS)
        links = await page.host.plugins.branch_links(
            page.repository, listed.decode("utf-8", "surrogateescape").splitlines()
        )
        log = await git.run("rev-list", "--branches", f"--max-count={RECENT}", path=path, timeout=GRAPH_SECONDS)
        oids = log.decode("ascii").split()
        found = await git.read(path, commits.several, oids)
        recent = [
            {
                "oid": oid,
                "subject": found[oid].subject,
                "author": found[oid].author.name,
                "time": found[oid].committer.at,
            }
            for oid in oids
            if oid in found
        ]
    except GitError:
        pass  # the page says without them that the graph needs its script
    return page.response(
        "graph.html",
        "graph",
        recent=recent,
        branch_links={name: dataclasses.asdict(link) for name, link in links.items()},
    )


async def _branches_count(host: Host, repository: Repository) -> int:
    """By the database, which knows without reading a file per ref; on disk only where that says none."""
    row = await host.db.row(
        "SELECT count(*) AS n FROM repo_refs WHERE repo_id = ? AND name >= 'refs/heads/' AND name < 'refs/heads0'",
        (repository.id,),
    )
    return (row and row["n"]) or sum(name.startswith("refs/heads/") for name in refs.snapshot(repository.path))
