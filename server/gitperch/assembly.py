"""The house put together: what the server and every command stand on."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gitperch.accounts.access import Access
from gitperch.accounts.people import People
from gitperch.accounts.sessions import Sessions
from gitperch.accounts.tokens import Tokens
from gitperch.db import Database, migrate
from gitperch.delivery import EventLog, RefsObserver
from gitperch.git import Git
from gitperch.git.admission import Admission
from gitperch.host import Host
from gitperch.keys import Keys
from gitperch.lfs.store import Store
from gitperch.maintenance import Upkeep
from gitperch.pages.templates import Templates
from gitperch.plugins import Plugins
from gitperch.repositories import Repositories
from gitperch.repositories.quota import Quota
from gitperch.ssh.store import SshKeys
from gitperch.tasks import Supervisor
from gitperch.transport import hooks_pipe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gitperch.config import Config

LFS_TRANSFERS = 64  # at once: a file and 256 KB each
MIGRATIONS = Path(__file__).parent / "db" / "migrations"


@asynccontextmanager
async def assembled(config: Config) -> AsyncIterator[Host]:
    """A Host on the data folder of `config`, its database migrated, its plugins loaded but not started."""
    storage = config.data / "repositories"
    storage.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(Database.open(config.data / "gitperch.db"))
        await migrate(db, "gitperch", MIGRATIONS)
        keys = Keys.load(config.data)
        git = Git(config.git, config.data / "git", keys.derived("push-cert"))
        stack.callback(git.close)
        git.prepare()
        if not git.hooks_path.exists():
            hooks_pipe.install(git.hooks_path)
        plugins = Plugins.load()
        events = EventLog(db)
        plugins.subscribe(events)
        people, tokens, sessions = People(db), Tokens(db), Sessions(db, config)
        repositories = Repositories(db, git, events, storage)
        quota = Quota(db, config.git.repository_max_bytes)
        yield Host(
            config=config,
            db=db,
            git=git,
            events=events,
            refs=RefsObserver(db, git, events),
            repositories=repositories,
            quota=quota,
            lfs=Store(db, quota, config.data / "lfs", Admission(LFS_TRANSFERS, config.git.wait_seconds)),
            people=people,
            tokens=tokens,
            sessions=sessions,
            access=Access(db, people, tokens, sessions, repositories, config.accounts),
            keys=keys,
            ssh_keys=SshKeys(db),
            upkeep=Upkeep(db, git, repositories, config.data / "git"),
            tasks=Supervisor(),
            templates=Templates(config),
            plugins=plugins,
        )
