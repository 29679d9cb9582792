"""The plugin contract: everything a plugin may rely on, and all it has to know.

A plugin is a class with a `name`. Register it in your distribution under the entry-point group `gitperch.plugins`:

    [project.entry-points."gitperch.plugins"]
    example = "my_package:ExamplePlugin"

It says which events it listens for and how they reach it:

- `DURABLE`: every event, in order, one at a time per repository. At least once: an event has an `id`, a handler is idempotent on it.
- `LATEST`: as durable, but `RefsUpdated` that wait are folded into one, each ref's newest move only.
- `EPHEMERAL`: as it happens, only while the server runs, never retried; for what a later look makes good.

A durable handler that raises is called again with backoff (`delivery.retry_seconds`, eight times), then the delivery is parked as
failed, where `gitperch doctor` shows it, and the lane goes on. A handler gets `delivery.handler_timeout` seconds.
It never holds up the push, another plugin or another repository.

What a plugin is handed (`host`) is documented in `gitperch.host`. Public are `gitperch.plugin`, `gitperch.events`,
`gitperch.errors`, `gitperch.git.refs`, `gitperch.git.objects`, and what `Host` offers with the types of it; `API_VERSION` grows when
any of that changes incompatibly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from gitperch.events import Event, RefsUpdated
    from gitperch.host import Host
    from gitperch.repositories import Repository

API_VERSION = 1


class Mode(Enum):
    DURABLE = "durable"
    LATEST = "latest"
    EPHEMERAL = "ephemeral"


@dataclass(frozen=True)
class BranchLink:
    """What a plugin adds to a branch wherever branches are listed, or to a commit: a labelled address and a state.

    `state` is one of queued, building, starting, ready, sleeping, failed, stopped; None draws no dot. `about` is the address of a page of
    this host that says more of it.
    """

    label: str
    url: str
    state: str | None = None
    about: str = ""


@dataclass(frozen=True)
class Tab:
    """A page beside a repository's others, at `/OWNER/NAME/PATH`, and what it is called. It is drawn with `path` as its tab."""

    path: str
    label: str


@dataclass(frozen=True)
class Command:
    """A command of `gitperch`, run on the data folder in a process of its own, beside a server or without one.

    `words` are what it is called by, one or two ("logs", "env set"); `family` says in a few words what all commands with the same first
    of two are about. `arguments` adds to the parser what it takes; `--data` is there already. `run` is handed a host whose plugins were
    not started, and the tables of this one up to date; it raises `AppError` children for what the person has to know.
    """

    words: str
    help: str
    arguments: Callable[[ArgumentParser], None]
    run: Callable[[Host, Namespace], Awaitable[None]]
    family: str = ""


class Plugin:
    """Subclass, set `name`, override what you need. Constructed once, without arguments, before the event loop runs."""

    name: ClassVar[str]
    """Lower case letters, digits and underscores; names tables (`NAME_…`), the data folder and the delivery lanes."""

    api_version: ClassVar[int] = API_VERSION
    """The contract it was written for; a plugin for another one stops the start with a sentence."""

    listens: ClassVar[Mapping[type[Event], Mode]] = {}
    """Which events reach `handle`. `Event` itself, allowed for EPHEMERAL only, means all of them."""

    migrations: ClassVar[Path | None] = None
    """A folder of `NNNN_name.sql`, applied in order before `start`, one transaction each, never edited afterwards."""

    settings_pages: ClassVar[Mapping[str, str]] = {}
    """Pages below a repository's settings: PATH and what it is called. The plugin answers at `/OWNER/NAME/settings/PATH`."""

    @classmethod
    def commands(cls) -> Sequence[Command]:
        """Commands of `gitperch`. Asked without constructing the plugin; import what they need inside of them."""
        return ()

    async def doctor(self, host: Host) -> Sequence[str]:
        """Lines for `gitperch doctor`: what an operator should know. In a process of its own, beside a server or without: the plugin was
        not started, its tables are up to date. Has ten seconds."""
        return ()

    async def start(self, host: Host) -> None:
        """Called once, before the first event and request. Keep `host`; leave slow work to `host.tasks`."""

    async def closing(self) -> None:
        """The server is about to stop, and waits for open connections: end those that would last."""

    async def stop(self) -> None:
        """Called once at the end, after the lanes have stopped."""

    async def handle(self, event: Event) -> None:
        """An event for this plugin. Raise to have a durable one delivered again."""

    def routes(self) -> Sequence[BaseRoute]:
        """Routes of the host's own site, asked once after `start`. A plugin's API lives under `/api/repos/{owner}/{name}/…`."""
        return ()

    async def site(self, hostname: str) -> ASGIApp | None:
        """The application that answers for `hostname` (lower case, no port); None when this plugin does not know it."""
        return None

    async def tabs(self, repository: Repository) -> Sequence[Tab]:
        """Pages of its own beside the repository's others. It is asked for every page: be quick."""
        return ()

    async def remote_lines(self, event: RefsUpdated) -> Sequence[str]:
        """Lines for the terminal of whoever just pushed. Runs before the lanes; has one second."""
        return ()

    async def remote_progress(self, event: RefsUpdated, *, watched: bool) -> AsyncIterator[str] | None:
        """More lines for the pusher, behind those of everybody, as they come; None where there are none. To be answered within a second.

        `watched`: a person looks at a terminal, and waits until the lines end. Otherwise they have a second in all. The push is done
        in either case, and whoever leaves ends nothing but the lines.
        """
        return None

    async def branch_links(self, repository: Repository, branches: Sequence[str]) -> Mapping[str, BranchLink]:
        """Links for those of the `branches` (short names) that have one."""
        return {}

    async def page_data(self, repository: Repository, page: str) -> str | None:
        """What a script of the host's `page` (only `graph` so far) would ask this plugin for first, as JSON, to be sent inside the page.

        The page waits for it: be quick, and let the script ask where it would take longer.
        """
        return None

    async def commit_link(self, repository: Repository, oid: str) -> BranchLink | None:
        """A link for the commit `oid`, shown with its details. It is asked for every commit that is looked at: be quick."""
        return None
