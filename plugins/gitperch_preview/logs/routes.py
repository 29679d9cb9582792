"""A deployment's log over HTTP: as text or as events, to its present end or for as long as it grows.

For whoever may write to the repository, even where it is public: what an app says of its visitors and of itself is not
what its source says.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from gitperch.errors import AppError, BadRequest, Busy, NotFound
from gitperch.pages.repository import open_repository
from gitperch.routing import Route
from gitperch_preview.logs.reading import Reader, start_of_last
from gitperch_preview.logs.records import no_log
from gitperch_preview.logs.stream import EVENTS, LogStream

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch_preview.logs.records import Records, Told
    from gitperch_preview.logs.service import Logs

FOLLOWERS = 200
_NUMBER = re.compile(r"[0-9]{1,15}")
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "sandbox; default-src 'none'",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


def routes(host: Host, logs: Logs, records: Records) -> Sequence[BaseRoute]:
    places = asyncio.Semaphore(FOLLOWERS)

    async def show(request: Request) -> Response:
        page = await open_repository(request, "write")
        branch = request.path_params["branch"]
        deployment = _number(request, "deployment")
        told = await records.of_branch(page.repository.id, branch, deployment)
        if not told:
            raise NotFound(no_log(page.repository, branch, deployment, host.config.previews.deployments_kept))
        goes_on = bool(_number(request, "follow"))
        if goes_on and places.locked():
            raise Busy(f"{FOLLOWERS} logs are followed already; try again in a moment.")

        def over() -> str | None:
            return "" if logs.closing else records.ended(told.id) if goes_on else told.state

        async def allowed() -> bool:
            try:
                viewer = await host.access.viewer(request)
            except AppError:
                return False
            repo = await host.repositories.by_id(told.repo_id)
            return repo is not None and await host.access.may(viewer, repo, "write")

        path, events = logs.path(told.repo_id, told.id), EVENTS in request.headers.get("accept", "")
        lines, start = _number(request, "lines"), _number(request, "from") or 0
        if lines is not None:
            start = await asyncio.to_thread(start_of_last, path, lines)
        if events:
            start = _resumed(request, told, start)
        reader = Reader(path, told.secrets, start, colours=events)
        headers = _HEADERS | {
            "content-type": EVENTS if events else "text/plain; charset=utf-8",
            "x-gitperch-deployment": str(told.id),
        }
        if request.query_params.get("download"):
            name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{page.repository.name}-{branch[:100]}-{told.id}.log")
            headers["content-disposition"] = f'attachment; filename="{name}"'
        stall = host.config.git.stall_seconds
        return LogStream(
            reader, records.secrets_of(told), told.id, headers, stall, over, allowed, places if goes_on else None
        )

    return [Route("/api/repos/{owner}/{name}/previews/{branch:path}/log", show)]


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f"{name} has to be a whole number.", field=name)
    return int(text)


def _resumed(request: Request, told: Told, start: int) -> int:
    """Where a browser's EventSource goes on by itself after its connection was lost; the beginning of another deployment's log."""
    deployment, _, offset = request.headers.get("last-event-id", "").partition(":")
    if not _NUMBER.fullmatch(deployment) or not _NUMBER.fullmatch(offset):
        return start
    return int(offset) if int(deployment) == told.id else 0
