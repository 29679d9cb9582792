"""After the news is out: the grown index is written, and brought into order when it has grown much."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING

from gitperch_graph.repository import HistoryUnreadable
from gitperch_graph.sections import IndexUnusable

if TYPE_CHECKING:
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.store import Graphs, Update

log = logging.getLogger("gitperch.graph")

REST_SECONDS = 2.0  # pushes come in bursts


def tidy_up(host: Host, graphs: Graphs, repo: Repository, update: Update) -> None:
    """Write down, in the background, what the index has grown by."""
    if update.added is not None:
        host.tasks.start(f"graph upkeep {repo.id}", functools.partial(_tidy_up, graphs, repo))


async def _tidy_up(graphs: Graphs, repo: Repository) -> None:
    while True:
        await asyncio.sleep(REST_SECONDS)
        await graphs.persist(repo.id)
        if not graphs.is_unwritten(repo.id):
            break
    try:
        await graphs.settle(repo)
    except (HistoryUnreadable, IndexUnusable) as error:
        log.warning("the graph of %s is not brought into order: %s", repo.full_name, error)
