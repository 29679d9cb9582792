"""The plugin: refs have moved, so the graph is brought up to date and everybody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gitperch.events import RefsUpdated, RepositoryChanged, RepositoryDeleted
from gitperch.plugin import Mode, Plugin
from gitperch_graph.events import GraphChanged, told
from gitperch_graph.lookups import Lookups
from gitperch_graph.repository import SHOWN
from gitperch_graph.routes import GraphRoutes
from gitperch_graph.search.routes import SearchRoutes
from gitperch_graph.sharing.pages import SharedPages
from gitperch_graph.store import Graphs
from gitperch_graph.top_rows import top_rows
from gitperch_graph.upkeep import tidy_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from gitperch.events import Event
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_graph.store import Update

_ENOUGH = 1000  # events after one that is looked at for the second time


class GraphPlugin(Plugin):
    """Keeps the index of every repository and answers for its graph; see `routes` for the API and `events` for `GraphChanged`."""

    name = "graph"
    listens: ClassVar[Mapping[type[Event], Mode]] = {
        RefsUpdated: Mode.DURABLE,
        RepositoryChanged: Mode.DURABLE,
        RepositoryDeleted: Mode.DURABLE,
    }

    async def start(self, host: Host) -> None:
        self._host = host
        self.graphs = Graphs(host, host.folder(self.name))
        await self.graphs.sweep()
        self.windows = GraphRoutes(host, self.graphs)
        self.search = SearchRoutes(host, self.graphs)
        await self.search.texts.sweep()

    def routes(self) -> Sequence[BaseRoute]:
        parts = [kind(self._host, self.graphs) for kind in (SharedPages, Lookups)]
        return [route for part in (self.windows, *parts, self.search) for route in part.routes()]

    async def page_data(self, repository: Repository, page: str) -> str | None:
        return await self.windows.first(repository) if page == "graph" else None

    async def stop(self) -> None:
        self.search.texts.close()

    async def handle(self, event: Event) -> None:
        await self.search.handle(event)
        if isinstance(event, RepositoryDeleted):
            await self.graphs.remove(event.repo_id)
            return
        repo = await self._host.repositories.by_id(event.repo_id)
        if repo is None:
            return
        if isinstance(event, RefsUpdated):
            # Otherwise all refs are compared, and more may have moved than this event says.
            is_exact = self.graphs.is_open(repo.id)
            update = await self.graphs.update(repo, [change.ref for change in event.changes])
            await self._tell(repo, event, update, is_exact)
            tidy_up(self._host, self.graphs, repo, update)
        elif (update := await self.graphs.update(repo)).added is not None:  # another default branch
            await self._record(repo, update, [], 0, update.added)

    async def _tell(self, repo: Repository, event: RefsUpdated, update: Update, is_exact: bool) -> None:
        refs, more = told(event.changes, SHOWN)
        added = update.added
        if added is None:
            # Delivered twice, or found by a reader before it was delivered. Only the first time has news in it.
            if not refs or await self._was_told(event, update.index.generation, refs):
                return
            added = -1
        rows = await top_rows(self._host.git, repo, update.index, added) if is_exact else []
        await self._record(repo, update, refs, more, added, rows)

    async def _was_told(self, event: RefsUpdated, generation: str, refs: list[list[str | None]]) -> bool:
        # The graph may be told of by the event before, which was late: what this one moved was not.
        since = await self._host.events.since(event.repo_id, event.id, [GraphChanged.kind], _ENOUGH)
        return any(
            isinstance(later, GraphChanged) and (later.generation, later.refs) == (generation, refs)
            for later in since or ()
        )

    async def _record(
        self,
        repo: Repository,
        update: Update,
        refs: list[list[str | None]],
        more: int,
        added: int,
        rows: Sequence[Any] = (),
    ) -> None:
        index = update.index
        await self._host.events.record(
            GraphChanged(
                repo_id=repo.id,
                generation=index.generation,
                before=update.before,
                total=index.total,
                added=added,
                refs=refs,
                more=more,
                head=index.head,
                rows=list(rows),
            )
        )
