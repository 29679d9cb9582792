"""After the news is out: the grown index is written, and git's own commit-graph file, for git's walks and for the next build."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch_graph.repository import is_special

if TYPE_CHECKING:
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.store import Graphs, Update

log = logging.getLogger("gitperch.graph")

WORTH_IT = 500  # commits; fewer are walked as fast
REST_SECONDS = 2.0  # pushes come in bursts
SECONDS = 1800.0


def tidy_up(host: Host, graphs: Graphs, repo: Repository, update: Update) -> None:
    """Write down, in the background, what the index has grown by, and have git put it on its commit-graph."""
    if update.added is not None:
        host.tasks.start(f"graph upkeep {repo.id}", functools.partial(_tidy_up, host, graphs, repo, update.index.total))


async def _tidy_up(host: Host, graphs: Graphs, repo: Repository, total: int) -> None:
    while True:
        await asyncio.sleep(REST_SECONDS)
        await graphs.persist(repo.id)
        if total >= WORTH_IT and not is_special(repo.path):
            await _write_commit_graph(host, repo)
        if not graphs.is_unwritten(repo.id):
            return


async def _write_commit_graph(host: Host, repo: Repository) -> None:
    # Split layers: a push writes what it brought, and layers are merged as they grow.
    try:
        await host.git.run("commit-graph", "write", "--reachable", "--split", path=repo.path, timeout=SECONDS)
    except GitError as error:
        log.warning("the commit-graph of %s was not written: %s", repo.full_name, error)
