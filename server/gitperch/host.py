"""What a plugin or a route is handed: the doors to everything the server keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from gitperch.accounts.access import Access
    from gitperch.accounts.people import People
    from gitperch.accounts.sessions import Sessions
    from gitperch.accounts.tokens import Tokens
    from gitperch.config import Config
    from gitperch.db import Database
    from gitperch.delivery import EventLog, RefsObserver
    from gitperch.git import Git
    from gitperch.keys import Keys
    from gitperch.lfs.store import Store
    from gitperch.maintenance import Upkeep
    from gitperch.pages.templates import Templates
    from gitperch.plugins import Plugins
    from gitperch.repositories import Repositories
    from gitperch.repositories.quota import Quota
    from gitperch.ssh.store import SshKeys
    from gitperch.tasks import Supervisor


@dataclass
class Host:
    """One per server. Routes find it as `host_of(request)`; a plugin gets it in `start`."""

    config: Config
    db: Database
    """`rows`, `row`, and `async with write() as tx`."""
    git: Git
    """`run` and `stream` for git processes, `read` for pygit2 in its executor."""
    events: EventLog
    """`record` for events that must not be lost, `announce` for those that may."""
    refs: RefsObserver
    """`observe` after moving a ref by any way but a push: nothing else triggers plugins."""
    repositories: Repositories
    quota: Quota
    """`size` of a repository, and `require` before it grows."""
    lfs: Store
    """The large files of Git LFS."""
    people: People
    tokens: Tokens
    sessions: Sessions
    access: Access
    """Who is asking, and what they may."""
    keys: Keys
    """Signed, expiring values."""
    ssh_keys: SshKeys
    """The public keys of people and of repositories."""
    upkeep: Upkeep
    """`commit_graph` for whoever needs git's commit-graph file before it is written anyway, a second after a push."""
    tasks: Supervisor
    templates: Templates
    """`response(request, name, **context)` draws a page."""
    plugins: Plugins

    def folder(self, plugin: str) -> Path:
        """A folder of the plugin's own below the data folder; made when asked for."""
        path = self.config.data / "plugins" / plugin
        path.mkdir(parents=True, exist_ok=True)
        return path


def host_of(connection: HTTPConnection) -> Host:
    host: Any = connection.app.state.host
    return host  # type: ignore[no-any-return]
