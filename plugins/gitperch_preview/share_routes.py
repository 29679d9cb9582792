"""Share links over HTTP, for whoever may write to the repository: `/api/repos/OWNER/NAME/previews/BRANCH/share[/NUMBER]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitperch.errors import NotFound
from gitperch.pages.forms import SECONDS, json_object, read_body
from gitperch.pages.repository import open_repository
from gitperch.routing import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch.pages.repository import RepositoryPage
    from gitperch_preview.hosts import Hosts
    from gitperch_preview.shares import Share, Shares

_LIMIT = 4096  # bytes of a body
_HOURS = 24
_PRIVATE = {"cache-control": "no-store"}


def routes(host: Host, hosts: Hosts, shares: Shares) -> Sequence[BaseRoute]:
    async def make(request: Request) -> Response:
        page, label = await _opened(request)
        host.sessions.check_origin(request)
        asked = await _document(request)
        if not page.viewer.user:
            raise NotFound("A share link is made by a person.")
        share = await shares.make(page.repository.id, label, page.viewer.user.id, asked.get("hours", _HOURS))
        return JSONResponse(_shown(share), 201, _PRIVATE)

    async def listing(request: Request) -> Response:
        _, label = await _opened(request)
        return JSONResponse({"shares": [_shown(share) for share in await shares.of(label)]}, headers=_PRIVATE)

    async def revoke(request: Request) -> Response:
        _, label = await _opened(request)
        host.sessions.check_origin(request)
        if not await shares.revoke(label, request.path_params["number"]):
            raise NotFound("This preview has no such share link; it may have ended or been revoked.")
        return Response(status_code=204)

    async def _opened(request: Request) -> tuple[RepositoryPage, str]:
        """The repository, and the label of the preview that is meant."""
        page = await open_repository(request, "write")
        branch = request.path_params["branch"]
        preview = (await hosts.previews(page.repository, [branch])).get(branch)
        if not preview:
            raise NotFound(f"There is no preview of a branch {branch[:200]!r} in {page.repository.full_name}.")
        return page, preview.label

    def _shown(share: Share) -> dict[str, Any]:
        times = {"created_at": share.created_at, "expires_at": share.expires_at}
        return {"id": share.id, "url": shares.url(share), **times}

    place = "/api/repos/{owner}/{name}/previews/{branch:path}/share"
    return [
        Route(place, listing),
        Route(place, make, methods=["POST"]),
        Route(f"{place}/{{number:int}}", revoke, methods=["DELETE"]),
    ]


async def _document(request: Request) -> dict[str, Any]:
    body = await read_body(
        request,
        _LIMIT,
        'The body is too large. It says no more than {"hours": 24}.',
        f"The body did not arrive within {SECONDS:.0f} seconds; no link was made.",
    )
    return json_object(body or b"{}", 'The body has to be JSON such as {"hours": 24}; no link was made.')
