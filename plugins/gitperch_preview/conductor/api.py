"""`/api/repos/{owner}/{name}/previews`: the branches that have an app, and what a person may do with them."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from gitperch.routing import Route

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.accounts.access import Permission
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.conductor.branch import Branch
    from gitperch_preview.conductor.service import Conductor

MEMORY_SECONDS = 2.0  # for all the apps of a repository to be measured
_NO_STORE = {"cache-control": "no-store"}


def actions(conductor: Conductor) -> dict[str, Callable[[int, str], Awaitable[None]]]:
    """What can be done with a branch (repository's id, name), by the words for it in the API and on the pages."""
    return {
        "restart": conductor.restart,
        "rebuild": conductor.rebuild,
        "wake": conductor.wake,
        "sleep": conductor.sleep,
        "stop": conductor.halt,
    }


def routes(host: Host, conductor: Conductor) -> list[Route]:
    doing = actions(conductor)

    async def listed(request: Request) -> Response:
        repo = await _opened(host, request, "read")
        return JSONResponse({"previews": await previews(conductor, repo)}, headers=_NO_STORE)

    async def act(name: str, request: Request) -> Response:
        repo = await _opened(host, request, "write")
        if "authorization" not in request.headers:
            host.sessions.check_origin(request)
        branch = request.path_params["branch"]
        await doing[name](repo.id, branch)
        return JSONResponse(await shown(conductor, conductor.branch(repo.id, branch)), 202, _NO_STORE)

    root = "/api/repos/{owner}/{name}/previews"
    return [
        Route(root, listed, name="previews-list"),
        *(
            Route(
                f"{root}/{{branch:path}}/{name}",
                functools.partial(act, name),
                methods=["POST"],
                name=f"previews-{name}",
            )
            for name in doing
        ),
    ]


async def _opened(host: Host, request: Request, permission: Permission) -> Repository:
    viewer = await host.access.viewer(request)
    names = request.path_params
    return await host.access.repository(viewer, names["owner"], names["name"], permission)


async def previews(conductor: Conductor, repo: Repository) -> list[dict[str, Any]]:
    """What there is to say of each branch of `repo` that has an app, by name, without what only people who may write see."""
    return list(await asyncio.gather(*(shown(conductor, branch) for branch in conductor.of(repo.id))))


async def shown(conductor: Conductor, branch: Branch) -> dict[str, Any]:
    """One branch. `oid` and `deployment` are of its newest commit; `serving` is the deployment that answers, None while none does."""
    place, newest = branch.place, branch.newest
    return {
        "branch": branch.name,
        "url": await conductor.url(branch),
        "state": place.state,
        "problem": place.problem,
        "oid": newest.oid,
        "deployment": newest.id,
        "serving": branch.serving.id if branch.running and branch.serving else None,
        "runner": newest.runner,
        "isolation": await conductor.isolation(newest.runner),
        "memory": await memory(branch),
        "open": place.open,
        "created_at": newest.created_at,
        "visited_at": place.visited_at or None,
    }


async def memory(branch: Branch, seconds: float = MEMORY_SECONDS) -> int | None:
    """Bytes that its app uses; None where none runs, or where that cannot be found out within `seconds`."""
    running, record = branch.running, branch.serving
    if not running or not record:
        return None
    try:
        async with asyncio.timeout(seconds):
            return await branch.stage.runner(record).memory(running)
    except Exception:  # noqa: BLE001 -- an engine that does not answer is no reason to show nothing
        return None
