"""Sites that are files, straight from git's objects.

A branch is read at the very moment of the request, so a push is live as soon as its ref has moved. What follows from a commit's oid
alone never changes, and is kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote_to_bytes

from starlette.responses import RedirectResponse, Response

from gitperch_preview import doorkeeper, labels, notices, sites
from gitperch_preview.delivery import Files
from gitperch_preview.keep import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.commits import Commits
    from gitperch_preview.gateway.front import Target

T = TypeVar("T")

READ_SECONDS = 30.0
KEPT_PATH = 300  # characters; what is longer is looked up anew
FOR_EVER = "max-age=31536000, immutable"


@dataclass(frozen=True)
class Shown:
    """The commit to show. `fixed`: it is what its own address says for ever."""

    oid: str
    fixed: bool


class Static:
    """Answers `GET` and `HEAD` for branches and commits that are files."""

    def __init__(self, host: Host, commits: Commits) -> None:
        self._host = host
        self._commits = commits
        self._files = Files(host.git)
        self._sites: Kept[tuple[int, str], sites.Site] = Kept(10_000, weight=lambda site: 10 + len(site.rules))
        self._outcomes: Kept[tuple[int, str, str], sites.Outcome] = Kept(2000)

    async def answer(self, request: Request, label: str, target: Target) -> Response:
        """What `target` shows at the request's path to somebody who is let in. `label` is the name that it was asked for by."""
        address = target.address
        shown = await self._shown(target)
        if not shown:
            return notices.unknown(request.method)
        if address.commit and labels.commit_label(shown.oid, address.site) != label:
            whole = self._host.config.preview_url(labels.commit_label(shown.oid, address.site)).rstrip("/")
            return RedirectResponse(whole + _path_and_query(request), 302, {"cache-control": "no-cache"})
        return await self._show(request, target, shown, _headers(is_open=doorkeeper.is_open(target.repo)))

    async def _shown(self, target: Target) -> Shown | None:
        repo, address = target.repo, target.address
        if address.branch is not None:
            oid = self._commits.tip(repo, address.branch)
            return Shown(oid, fixed=False) if oid else None
        oid = await self._commits.reachable(repo, address.commit or "")
        return Shown(oid, fixed=True) if oid else None

    async def _show(self, request: Request, target: Target, shown: Shown, headers: dict[str, str]) -> Response:
        repo, oid, path = target.repo, shown.oid, _path(request)
        site = self._sites.get((repo.id, oid))
        if site is None:
            site = self._sites.put((repo.id, oid), await self._read(repo, sites.read_site, oid))
        page = f"{self._host.config.base_url}/{repo.full_name}"
        if site.root is None:
            what = f"The branch {target.address.branch}" if target.address.branch else f"The commit {oid[:10]}"
            return notices.nothing_to_show(request.method, repo.full_name, page, what, site.problem, **headers)
        outcome = self._outcomes.get((repo.id, oid, path))
        if outcome is None:
            outcome = await self._read(repo, sites.outcome, site, path)
            if len(path) <= KEPT_PATH:
                self._outcomes.put((repo.id, oid, path), outcome)
        if shown.fixed and outcome.status in (200, 301, 302, 303, 307, 308):
            headers["cache-control"] = headers["cache-control"].replace("no-cache", FOR_EVER)
        if outcome.location:
            location = _with_query(outcome.location, request.url.query)
            return Response(None, outcome.status, {"location": location, **headers})
        if outcome.file is None:
            return notices.no_page(request.method, path, repo.full_name, page, **headers)
        return await self._files.response(request, repo, outcome.file, outcome.status, headers)

    async def _read(self, repo: Repository, function: Callable[..., T], *arguments: Any) -> T:
        async with asyncio.timeout(READ_SECONDS):
            return await self._host.git.look_up(repo.path, function, *arguments)


def _headers(*, is_open: bool) -> dict[str, str]:
    """What every answer from a site carries."""
    if is_open:
        return {"cache-control": "public, no-cache", "x-content-type-options": "nosniff"}
    return {
        "cache-control": "private, no-cache",
        "vary": "Cookie",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        # Other previews are neighbours of this one, of the same site in a browser's eyes: they may not load or frame it.
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "frame-ancestors 'self'",
    }


def _path(request: Request) -> str:
    """The decoded path; bytes that are not UTF-8 as surrogates, as git's file names have them."""
    raw = request.scope.get("raw_path")
    if raw is None:
        path: str = request.scope["path"]
        return path
    return unquote_to_bytes(raw.partition(b"?")[0]).decode("utf-8", "surrogateescape")


def _path_and_query(request: Request) -> str:
    return _with_query(quote(_path(request), errors="surrogateescape"), request.url.query)


def _with_query(location: str, query: str) -> str:
    """`location` with the query of the request, unless it has one of its own."""
    if not query or "?" in location:
        return location
    address, mark, fragment = location.partition("#")
    return f"{address}?{query}{mark}{fragment}"
