"""Which plugins there are, and asking all of them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import re
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.config import ConfigError
from gitperch.db import migrate
from gitperch.events import Event
from gitperch.plugin import API_VERSION, Mode, Plugin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from gitperch.delivery import EventLog
    from gitperch.events import RefsUpdated
    from gitperch.host import Host
    from gitperch.plugin import BranchLink, Tab
    from gitperch.repositories import Repository

log = logging.getLogger("gitperch.plugins")

IN_TREE = (
    "gitperch_graph:GraphPlugin",
    "gitperch_insights:InsightsPlugin",
    "gitperch_live:LivePlugin",
    "gitperch_preview:PreviewPlugin",
)
GROUP = "gitperch.plugins"
ANSWER_SECONDS = 1.0
HEARING = 10_000
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_REGISTERED = re.compile(rb"\[gitperch\.plugins\]\s+[^\s\[]")


class Plugins:
    """Every installed plugin, by name, in a fixed order: ours first, then others' by name."""

    def __init__(self, found: Sequence[Plugin]) -> None:
        self.by_name = {plugin.name: plugin for plugin in found}
        self._started: list[Plugin] = []

    @classmethod
    def load(cls) -> Plugins:
        """Import and construct them all. Raises ConfigError for one that does not fit."""
        return cls([found() for found in cls.classes()])

    @staticmethod
    def classes() -> list[type[Plugin]]:
        """Import them all. Raises ConfigError for one that does not fit."""
        classes: list[type[Plugin]] = []
        for place in IN_TREE:
            module, _, name = place.partition(":")
            classes.append(getattr(importlib.import_module(module), name))
        if _others_registered():
            # Late: it reads what every distribution says, with modules that nothing else here needs.
            from importlib.metadata import entry_points

            classes += [entry.load() for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)]
        names: set[str] = set()
        for found in classes:
            name = getattr(found, "name", "")
            if not _NAME.fullmatch(name) or name == "gitperch" or name in names:
                raise ConfigError(
                    f"The plugin {found.__qualname__} cannot be used: its name {name!r} is taken or out of form."
                )
            if found.api_version != API_VERSION:
                raise ConfigError(
                    f"The plugin {name} was written for version {found.api_version} of the plugin contract; "
                    f"this server has version {API_VERSION}. Install the release of the plugin that goes with it."
                )
            names.add(name)
        return classes

    @property
    def settings_pages(self) -> dict[str, str]:
        """What the plugins have below a repository's settings: path and name."""
        return {path: name for plugin in self.by_name.values() for path, name in plugin.settings_pages.items()}

    async def migrate(self, host: Host, name: str) -> None:
        """Bring the tables of the plugin `name` up to date."""
        if folder := self.by_name[name].migrations:
            await migrate(host.db, name, folder)

    def subscribe(self, events: EventLog) -> None:
        """From now on, recorded events owe deliveries to the plugins that listen durably."""
        for name, plugin in self.by_name.items():
            events.owe(name, plugin.listens)

    async def start(self, host: Host) -> list[BaseRoute]:
        """Migrate and start each plugin; the routes of all of them."""
        for name, plugin in self.by_name.items():
            await self.migrate(host, name)
            await plugin.start(host)
            self._started.append(plugin)
            if Mode.EPHEMERAL in plugin.listens.values():
                self._hear(plugin, host)
        return [route for plugin in self.by_name.values() for route in plugin.routes()]

    async def closing(self) -> None:
        for plugin in self._started:
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await plugin.closing()
            except Exception:
                log.exception("plugin %s did not close", plugin.name)

    async def stop(self) -> None:
        for plugin in reversed(self._started):
            try:
                async with asyncio.timeout(ANSWER_SECONDS * 5):
                    await plugin.stop()
            except Exception:
                log.exception("plugin %s did not stop", plugin.name)
        self._started.clear()

    async def site(self, hostname: str) -> ASGIApp | None:
        """The application that answers for a host name which is not the host's own."""
        for plugin in self.by_name.values():
            if app := await plugin.site(hostname):
                return app
        return None

    async def remote_lines(self, event: RefsUpdated) -> list[str]:
        """What the plugins have to tell the pusher; one that fails or is slow is left out."""
        lines: list[str] = []
        for plugin in self.by_name.values():
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    lines += await plugin.remote_lines(event)
            except TimeoutError:
                log.warning("plugin %s took too long to tell the pusher anything", plugin.name)
            except Exception:
                log.exception("plugin %s had nothing to tell the pusher", plugin.name)
        return lines

    async def remote_progress(self, event: RefsUpdated, *, watched: bool) -> AsyncGenerator[str, None] | None:
        """What the plugins go on telling the pusher; None for nothing, which costs next to nothing."""
        found = []
        for plugin in self.by_name.values():
            if type(plugin).remote_progress is Plugin.remote_progress:
                continue
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    lines = await plugin.remote_progress(event, watched=watched)
            except Exception:
                log.exception("plugin %s had nothing to tell the pusher", plugin.name)
                continue
            if lines is not None:
                found.append((plugin, lines))
        return _one_after_another(found, None if watched else ANSWER_SECONDS) if found else None

    async def doctor(self, host: Host) -> list[str]:
        """What the plugins have to say to an operator."""
        lines: list[str] = []
        for name, plugin in self.by_name.items():
            try:
                async with asyncio.timeout(ANSWER_SECONDS * 10):
                    await self.migrate(host, name)
                    lines += await plugin.doctor(host)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the operator is told
                lines.append(f"{name}: could not be looked at: {error or type(error).__name__}")
        return lines

    async def branch_links(self, repository: Repository, branches: Sequence[str]) -> dict[str, BranchLink]:
        """Links of branches; where two plugins have one for the same branch, the later one's."""
        links: dict[str, BranchLink] = {}
        for plugin in self.by_name.values():
            links |= await plugin.branch_links(repository, branches)
        return links

    async def tabs(self, repository: Repository) -> list[Tab]:
        """The plugins' pages beside a repository's others."""
        return [tab for plugin in self.by_name.values() for tab in await plugin.tabs(repository)]

    async def page_data(self, repository: Repository, page: str) -> str | None:
        """What a page's script begins with; of the first plugin that has something."""
        for plugin in self.by_name.values():
            if found := await plugin.page_data(repository, page):
                return found
        return None

    async def commit_link(self, repository: Repository, oid: str) -> BranchLink | None:
        """The link of a commit; where two plugins have one, the later one's."""
        found = None
        for plugin in self.by_name.values():
            found = await plugin.commit_link(repository, oid) or found
        return found

    @staticmethod
    def _hear(plugin: Plugin, host: Host) -> None:
        """Feed an ephemeral listener from a bounded queue in a task of its own."""
        queue: asyncio.Queue[Event] = asyncio.Queue(HEARING)
        every = plugin.listens.get(Event)

        def hear(event: Event) -> None:
            # Its own kind's mode comes first: what is delivered durably is not heard a second time.
            if plugin.listens.get(type(event), every) is Mode.EPHEMERAL:
                if queue.full():
                    log.warning("plugin %s is too slow; event %s is lost on it", plugin.name, event.kind)
                    return
                queue.put_nowait(event)

        host.events.listen(hear)
        host.tasks.start(f"hear {plugin.name}", functools.partial(_feed, plugin, queue), restart=True)


def _others_registered() -> bool:
    """Whether a distribution may have something in our group of entry points."""
    for folder in map(Path, sys.path):
        if folder.is_file():  # packed in one file
            return True
        if any(_REGISTERED.search(said.read_bytes()) for said in folder.glob("*-info/entry_points.txt")):
            return True
    return False


async def _one_after_another(
    found: Sequence[tuple[Plugin, AsyncIterator[str]]], seconds: float | None
) -> AsyncGenerator[str, None]:
    """All lines, as far as each plugin's come within `seconds`."""
    for plugin, lines in found:
        try:
            async with contextlib.aclosing(lines) if isinstance(lines, AsyncGenerator) else contextlib.nullcontext():
                until = None if seconds is None else asyncio.get_running_loop().time() + seconds
                while True:
                    async with asyncio.timeout_at(until):
                        line = await anext(lines)
                    yield line
        except StopAsyncIteration:
            continue
        except TimeoutError:
            log.warning("plugin %s took too long to tell the pusher all", plugin.name)
        except Exception:
            log.exception("plugin %s could not go on telling the pusher", plugin.name)


async def _feed(plugin: Plugin, queue: asyncio.Queue[Event]) -> None:
    while True:
        event = await queue.get()
        async with asyncio.timeout(ANSWER_SECONDS * 10):
            await plugin.handle(event)
