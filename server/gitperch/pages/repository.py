"""What every page of a repository begins with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.errors import BadRequest, NotFound
from gitperch.git import names, refs
from gitperch.host import host_of
from gitperch.pages.links import tabs_of
from gitperch.pages.visitor import sender

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.accounts.access import Permission, Viewer
    from gitperch.host import Host
    from gitperch.plugin import Tab
    from gitperch.repositories import Repository


@dataclass
class RepositoryPage:
    """A repository that the viewer may see, and what its layout needs to know."""

    request: Request
    host: Host
    viewer: Viewer
    repository: Repository
    rank: int
    branches_count: int
    tabs: Sequence[Tab] = ()
    event: int = 0
    """The newest event before anything was read for this page: a page that lives asks for what came after."""

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
            "ssh_url": host.config.ssh_url(repository.full_name) if host.config.ssh.enabled else "",
            "tab": tab,
            "can_write": self.rank >= 2,
            "can_admin": self.rank >= 3,
            "head": repository.head,
            "branches_count": self.branches_count,
            "empty": self.empty,
            "tabs": self.tabs,
            "event": self.event,
            "settings_pages": host.plugins.settings_pages,
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
    event = await host.events.last_id(repository.id)
    rank = await host.access.permission(viewer, repository)
    count, tabs = await _branches_count(host, repository), await tabs_of(host, repository)
    return RepositoryPage(request, host, viewer, repository, rank, count, tabs, event)


async def _branches_count(host: Host, repository: Repository) -> int:
    """By the database, which knows without reading a file per ref; on disk only where that says none."""
    row = await host.db.row(
        "SELECT count(*) AS n FROM repo_refs WHERE repo_id = ? AND name >= 'refs/heads/' AND name < 'refs/heads0'",
        (repository.id,),
    )
    if row and row["n"]:
        return int(row["n"])
    found = await asyncio.to_thread(refs.snapshot, repository.path)
    return sum(name.startswith("refs/heads/") for name in found)
