"""The plugin: counts what is pushed while somebody looks, and tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gitperch.events import RefsUpdated, RepositoryChanged, RepositoryDeleted
from gitperch.plugin import Mode, Plugin
from gitperch_insights.routes import InsightsRoutes
from gitperch_insights.service import Insights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from gitperch.events import Event
    from gitperch.host import Host


class InsightsPlugin(Plugin):
    """Figures about the work in a repository; see `routes` for the API and the page, `events` for `InsightsChanged`."""

    name = "insights"
    listens: ClassVar[Mapping[type[Event], Mode]] = {
        # What was missed while the server was away is found by whoever asks next.
        RefsUpdated: Mode.EPHEMERAL,
        RepositoryChanged: Mode.EPHEMERAL,
        RepositoryDeleted: Mode.DURABLE,
    }

    async def start(self, host: Host) -> None:
        self._host = host
        self.insights = Insights(host, host.folder(self.name))
        await self.insights.sweep()

    def routes(self) -> Sequence[BaseRoute]:
        return InsightsRoutes(self._host, self.insights).routes()

    async def handle(self, event: Event) -> None:
        if isinstance(event, RepositoryDeleted):
            await self.insights.remove(event.repo_id)
        elif repo := await self._host.repositories.by_id(event.repo_id):
            await self.insights.push(repo)
