"""The application: routes, middleware, lifespan. Short."""

from __future__ import annotations

import functools
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse

from gitperch import first_start
from gitperch.assembly import assembled
from gitperch.delivery import Lanes
from gitperch.doorway import GIT_PATHS, Doorway, Failed
from gitperch.lfs.routes import lfs_routes
from gitperch.metrics import metrics_route
from gitperch.pages.errors import exception_handlers
from gitperch.pages.routes import routes as page_routes
from gitperch.routing import Route
from gitperch.transport import SmartHTTP, hooks_pipe
from gitperch.transport.door import GitDoor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from gitperch.config import Config
    from gitperch.host import Host


def create_app(config: Config, ready: Callable[[first_start.Welcome], None] | None = None) -> Doorway:
    """The whole server as an ASGI application. Nothing happens before its lifespan begins; `ready` is called when it has."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(doorway.noting_failure())
            host = await stack.enter_async_context(assembled(config))
            stack.push_async_callback(host.plugins.stop)
            stack.push_async_callback(host.tasks.stop)
            hooks_pipe.install(host.git.hooks_path)
            await host.git.check()
            app.state.host = host
            door = await _door(host)
            git = SmartHTTP(host.git, door)
            plugin_routes = await host.plugins.start(host)
            doorway.git = git
            app.router.routes[:] = [
                *(Route(f"/{{owner}}/{{name}}/{path}", Failed(), include_in_schema=False) for path in GIT_PATHS),
                Route("/healthz", _healthz),
                metrics_route(git),
                *plugin_routes,
                *lfs_routes(host),
                host.templates.assets_route(),
                *page_routes(),
            ]
            if config.ssh.enabled:
                from gitperch.ssh.server import listening  # late: most servers do without asyncssh and cryptography

                await stack.enter_async_context(listening(host, door, git))
            welcome = await first_start.prepare(host)
            lanes = Lanes(host.db, host.events, host.plugins.by_name, config.delivery, host.tasks)
            host.tasks.start("lanes", lanes.run, restart=True)
            host.tasks.start("prune", lanes.prune, restart=True)
            host.tasks.start("reconciliation", functools.partial(_reconcile, host))
            host.tasks.start("libgit2", host.git.warm)
            host.upkeep.start(host.events, host.tasks)
            host.lfs.start(host.tasks, host.events)
            if ready:
                ready(welcome)
            yield

    app = Starlette(lifespan=lifespan, exception_handlers=exception_handlers())
    doorway = Doorway(app, config)
    return doorway


async def _door(host: Host) -> GitDoor:
    empty = host.config.data / "git" / "empty.git"
    if not (empty / "HEAD").exists():
        await host.git.run("init", "--bare", "--quiet", "--template=", str(empty))
    return GitDoor(host, empty)


async def _reconcile(host: Host) -> None:
    """Tell the plugins what moved while nobody listened: a crash can fall between a ref's move and its event."""
    await host.repositories.sweep()
    for repo in await host.repositories.everything():
        await host.refs.observe(repo, source="reconciliation")


async def _healthz(request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok\n")
