"""What plugins add to branches and commits, asked so that a plugin's trouble costs its links, never the page."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from markupsafe import Markup

from gitperch.git.process import UnreadableRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.host import Host
    from gitperch.plugin import BranchLink, Tab
    from gitperch.repositories import Repository

log = logging.getLogger("gitperch.pages")

SECONDS = 2.0
DATA_SECONDS = 0.15  # the script asks for itself, while the page is already there


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


async def tabs_of(host: Host, repository: Repository) -> Sequence[Tab]:
    """The plugins' pages beside the repository's others."""
    try:
        async with asyncio.timeout(SECONDS):
            return await host.plugins.tabs(repository)
    except Exception:
        log.exception("tabs of %s are missing on a page", repository.full_name)
        return []


async def data_of_page(host: Host, repository: Repository, page: str) -> Markup | None:
    """The JSON that plugins send inside a page, fit to stand in a `<script>`; None where there is none in time."""
    try:
        async with asyncio.timeout(DATA_SECONDS):
            found = await host.plugins.page_data(repository, page)
    except TimeoutError:
        return None
    except Exception:
        log.exception("what the scripts of %s begin with is missing on a page", repository.full_name)
        return None
    # Between its quotes JSON may say any character by its number, and outside of them there are none of these.
    return Markup(found.replace("<", "\\u003c").replace("&", "\\u0026")) if found else None  # noqa: S704


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
