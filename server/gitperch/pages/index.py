"""The first page: what is alive among the repositories the viewer may read."""

from __future__ import annotations

import asyncio
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import AppError, NotFound, Unauthorized
from gitperch.git import commits
from gitperch.host import host_of
from gitperch.pages.links import links_of
from gitperch.pages.overview import BRANCHES, Overview, Overviews, Tip
from gitperch.pages.visitor import session_viewer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.host import Host
    from gitperch.plugin import BranchLink
    from gitperch.repositories import Repository

PER_PAGE = 30
LINKS = 5


@dataclass(frozen=True)
class Push:
    """The last time refs moved. `actor` is "" where only the commit is known."""

    actor: str
    branch: str
    subject: str
    at: float


@dataclass(frozen=True)
class Card:
    """A repository in the list. `links` has its newest branches' links, `more` says how many others there are: "3 more", or "more"."""

    repository: Repository
    push: Push | None
    weeks: tuple[int, ...]
    links: list[tuple[str, BranchLink]]
    more: str

    @property
    def seen(self) -> str:
        """Differs when what the list shows of it does."""
        told = (self.repository, self.push, self.weeks, self.links, self.more)
        return f"{zlib.crc32(repr(told).encode('utf-8', 'replace')):x}"

    @property
    def commits(self) -> int:
        return sum(self.weeks)

    @property
    def sparkline(self) -> list[tuple[float, float]]:
        """Points in a box of 110 × 28."""
        top = max(*self.weeks, 3)
        return [(week * 10.0, round(26 - 24 * n / top, 1)) for week, n in enumerate(self.weeks)]


class Index:
    """The list, and what it remembers between two looks."""

    def __init__(self) -> None:
        self._overviews = Overviews()

    async def show(self, request: Request) -> Response:
        viewer = await session_viewer(request)
        return await self._page(request, await host_of(request).repositories.readable(viewer.user), "")

    async def of_owner(self, request: Request) -> Response:
        """One owner's repositories; an owner of none that the viewer may read looks like nobody."""
        viewer, owner = await session_viewer(request), request.path_params["owner"]
        found = [
            r for r in await host_of(request).repositories.readable(viewer.user) if r.owner.lower() == owner.lower()
        ]
        if not found and owner.lower() != viewer.name.lower():
            if not viewer.user:
                raise Unauthorized(f"Sign in to see whether {owner[:60]} has anything here.")
            raise NotFound(f"There is nobody called {owner[:60]!r} here who has a repository that you may read.")
        return await self._page(request, found, found[0].owner if found else viewer.name)

    async def _page(self, request: Request, found: list[Repository], owner: str) -> Response:
        host, viewer = host_of(request), await session_viewer(request)
        newcomer = viewer.user is not None and all(repository.owner_id != viewer.user.id for repository in found)
        query = request.query_params.get("q", "").strip()[:100]
        if query:
            wanted = query.lower().split()
            found = [r for r in found if all(w in f"{r.full_name} {r.description}".lower() for w in wanted)]
        number = request.query_params.get("page", "1")
        page = max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1
        shown = found[(page - 1) * PER_PAGE : page * PER_PAGE]
        # Known before the cards are drawn: what happens meanwhile is told once more.
        event = max(await asyncio.gather(*(host.events.last_id(repository.id) for repository in shown)), default=0)
        return host.templates.response(
            request,
            "index.html",
            event=event,
            cards=await asyncio.gather(*(self._card(host, repository) for repository in shown)),
            owner=owner,
            newcomer=newcomer and not owner,
            total=len(found),
            page=page,
            pages=-(-len(found) // PER_PAGE),
            query=query,
        )

    async def _card(self, host: Host, repository: Repository) -> Card:
        overview = await self._overviews.of(host.git, repository)
        branches = _default_first(overview.tips, repository.head)
        links = await links_of(host, repository, [tip.branch for tip in branches])
        shown = [(tip.branch, links[tip.branch]) for tip in branches if tip.branch in links and links[tip.branch].state]
        push = await _last_push(host, repository, overview)
        hidden = len(shown) - LINKS
        more = "" if hidden <= 0 else "more" if len(overview.tips) == BRANCHES else f"{hidden} more"
        return Card(repository, push, overview.weeks, shown[:LINKS], more)


def _default_first(tips: tuple[Tip, ...], head: str) -> list[Tip]:
    return sorted(tips, key=lambda tip: tip.branch != head)


async def _last_push(host: Host, repository: Repository, overview: Overview) -> Push | None:
    """By the newest event about branches, which names who; else by the newest commit."""
    rows = await host.db.rows(
        "SELECT payload, at FROM events WHERE repo_id = ? AND kind = 'refs.updated' ORDER BY id DESC LIMIT 3",
        (repository.id,),
    )
    for row in rows:
        payload = json.loads(row["payload"])
        moved = [(ref[11:], new) for ref, _, new in payload["changes"] if ref.startswith("refs/heads/") and new]
        if not moved:
            continue
        by_branch = {tip.branch: tip for tip in overview.tips}
        # Of many branches at once: the default one, else the one with the newest commit.
        known = [tip for tip in _default_first(overview.tips, repository.head) if (tip.branch, tip.oid) in moved]
        if known:
            return Push(payload["actor"], known[0].branch, known[0].subject, row["at"])
        branch, oid = moved[0]
        if branch not in by_branch:
            try:
                found = await host.git.look_up(repository.path, commits.several, (oid,))
            except AppError:
                found = {}
            return Push(payload["actor"], branch, found[oid].subject if oid in found else "", row["at"])
    newest = max(overview.tips, key=lambda tip: tip.at, default=None)
    return Push("", newest.branch, newest.subject, newest.at) if newest else None
