"""What plugins add to branches and commits, asked so that a plugin's trouble costs its links, never the page."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gitperch.git.process import UnreadableRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.host import Host
    from gitperch.plugin import BranchLink
    from gitperch.repositories import Repository

log = logging.getLogger("gitperch.pages")

SECONDS = 2.0


async def links_of(host: Host, repository: Repository, branches: Sequence[str]) -> dict[str, BranchLink]:
    """The links of those of `branches` (short names) that have one."""
    if not branches:
        return {}
    try:
        async with asyncio.timeout(SECONDS):
            return await host.plugins.branch_links(repository, branches)
    except Exception:
        log.exception("the links of %s are missing on a page", repository.full_name)
        return {}


async def link_of_commit(host: Host, repository: Repository, oid: str) -> BranchLink | None:
    """The link of a commit, if it has one."""
    try:
        async with asyncio.timeout(SECONDS):
            return await host.plugins.commit_link(repository, oid)
    except UnreadableRepository:
        return None
    except Exception:
        log.exception("the link of a commit of %s is missing on a page", repository.full_name)
        return None
