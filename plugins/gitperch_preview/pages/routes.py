"""`/{owner}/{name}/previews`, and one of them at `…/previews/{branch}`; forms that do something are posted to the latter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitperch.pages.repository import open_repository
from gitperch.routing import Route
from gitperch_preview.pages.acts import Acts
from gitperch_preview.pages.one import OnePage
from gitperch_preview.pages.shown import shown
from gitperch_preview.pages.words import PATH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch_preview.conductor.service import Conductor
    from gitperch_preview.pages.store import Store
    from gitperch_preview.shares import Shares

PER_PAGE = 50
_NUMBER = re.compile(r"[0-9]{1,6}")


def routes(host: Host, conductor: Conductor, store: Store, shares: Shares) -> Sequence[BaseRoute]:
    async def listing(request: Request) -> Response:
        page = await open_repository(request)
        query = request.query_params.get("q", "").strip()[:200]
        asked = request.query_params.get("page", "1")
        number = max(1, int(asked)) if _NUMBER.fullmatch(asked) else 1
        repo = page.repository
        sites, total = await store.sites(repo.id, repo.head, query, PER_PAGE, (number - 1) * PER_PAGE)
        return page.response(
            "previews.html",
            PATH,
            rows=await shown(host, conductor, repo, sites),
            query=query,
            total=total,
            page=number,
            pages=-(-total // PER_PAGE),
        )

    place = f"/{{owner}}/{{name}}/{PATH}"
    return [
        Route(place, listing),
        Route(f"{place}/{{branch:path}}", OnePage(host, conductor, store, shares).show),
        Route(f"{place}/{{branch:path}}", Acts(conductor, store, shares).post, methods=["POST"]),
    ]
