"""git's own commit-graph file, kept up to date for git's walks and for the next build: after the news is out."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from gitperch_graph.repository import is_special

if TYPE_CHECKING:
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.store import Update

log = logging.getLogger("gitperch.graph")

WORTH_IT = 500  # commits; fewer are walked as fast
REST_SECONDS = 2.0  # pushes come in bursts
SECONDS = 1800.0


def write_commit_graph(host: Host, repo: Repository, update: Update) -> None:
    """Have git put a layer with the new commits on its commit-graph, in the background."""
    if update.added != 0 and update.index.total >= WORTH_IT:
        host.tasks.start(f"commit-graph {repo.id}", functools.partial(_write, host, repo))


async def _write(host: Host, repo: Repository) -> None:
    await asyncio.sleep(REST_SECONDS)
    if is_special(repo.path):
        return  # git has no commit-graph for these
    # Split layers: a push writes what it brought, and layers are merged as they grow.
    await host.git.run("commit-graph", "write", "--reachable", "--split", path=repo.path, timeout=SECONDS)
    log.debug("wrote the commit-graph of %s", repo.full_name)
