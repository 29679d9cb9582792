"""Branches and tags, one row each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gitperch.git import GitError, refs
from gitperch.git.commits import decoded
from gitperch.git.objects import MissingObject
from gitperch.pages.links import links_of
from gitperch.pages.repository import RepositoryPage, open_repository

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.plugin import BranchLink

PER_PAGE = 50
COMPARE_SECONDS = 1.5
COMPARE_AT_ONCE = 4
COMPARISONS = 4000
_FIELDS = (
    "%(refname:lstrip=2)",
    "%(objectname)",
    "%(*objectname)",
    "%(creatordate:unix)",
    "%(authorname)",
    "%(*authorname)%(taggername)",
    "%(contents:subject)",
)


@dataclass(frozen=True)
class Row:
    """A branch or a tag with the commit it leads to. `ahead` and `behind` are None where they are not known in time."""

    name: str
    oid: str
    at: int
    author: str
    subject: str
    ahead: int | None = None
    behind: int | None = None
    link: BranchLink | None = None


class Branches:
    """The two lists, and the comparisons that they keep."""

    def __init__(self) -> None:
        self._compared: dict[tuple[str, str], tuple[int, int]] = {}

    async def branches(self, request: Request) -> Response:
        page = await open_repository(request)
        rows = await _listed(page, "refs/heads")
        head = page.repository.head
        rows.sort(key=lambda row: row.name != head)  # stable: the newest first after the default one
        shown, context = _paged(request, rows)
        default = next((row.oid for row in rows if row.name == head), None)
        if default:
            await self._compare(page, default, shown)
        links = await links_of(page.host, page.repository, [row.name for row in shown])
        drawn = []
        for row in shown:
            ahead, behind = self._compared.get((default or "", row.oid), (None, None))
            drawn.append(replace(row, ahead=ahead, behind=behind, link=links.get(row.name)))
        widest = max((max(row.ahead or 0, row.behind or 0) for row in drawn), default=0)
        return page.response(
            "branches.html",
            "branches",
            rows=drawn,
            kind="branch",
            widest=widest,
            tags_count=await _tags_count(page),
            **context,
        )

    async def tags(self, request: Request) -> Response:
        page = await open_repository(request)
        shown, context = _paged(request, await _listed(page, "refs/tags"))
        return page.response(
            "branches.html", "branches", rows=shown, kind="tag", widest=0, tags_count=await _tags_count(page), **context
        )

    async def _compare(self, page: RepositoryPage, default: str, rows: list[Row]) -> None:
        """Learn how far each row is ahead of and behind `default`, as many as there is time for."""
        turns = asyncio.Semaphore(COMPARE_AT_ONCE)

        async def one(oid: str) -> None:
            async with turns:
                arguments = ("rev-list", "--left-right", "--count", "--end-of-options", f"{default}...{oid}", "--")
                try:
                    output = await page.host.git.run(*arguments, path=page.repository.path, timeout=COMPARE_SECONDS)
                except GitError:
                    return
                behind, ahead = output.split()
                self._compared[default, oid] = (int(ahead), int(behind))

        if len(self._compared) > COMPARISONS:
            self._compared.clear()
        missing = {row.oid for row in rows if (default, row.oid) not in self._compared}
        try:
            async with asyncio.timeout(COMPARE_SECONDS):
                await asyncio.gather(*(one(oid) for oid in missing))
        except TimeoutError:
            pass  # their cells stay empty this time, and the next look goes on from here


async def _listed(page: RepositoryPage, folder: str) -> list[Row]:
    """The refs of a folder, the newest first."""
    listing = ("for-each-ref", "--sort=-creatordate", f"--format={'%00'.join(_FIELDS)}", folder)
    try:
        output = await page.host.git.run(*listing, path=page.repository.path, timeout=20)
    except GitError:
        raise MissingObject(
            "The list cannot be drawn: objects that branches or tags point to are missing in this repository. "
            "Push its history again, or restore it from a backup."
        ) from None
    rows = []
    for line in output.splitlines():
        name, oid, peeled, at, author, tagger, subject = line.split(b"\0", 6)
        rows.append(
            Row(
                name.decode("utf-8", "surrogateescape"),
                (peeled or oid).decode("ascii"),
                int(at or 0),
                decoded(author or tagger),
                decoded(subject),
            )
        )
    return rows


def _paged(request: Request, rows: list[Row]) -> tuple[list[Row], dict[str, Any]]:
    query = request.query_params.get("q", "").strip()[:200]
    if query:
        rows = [row for row in rows if query.lower() in row.name.lower()]
    number = request.query_params.get("page", "1")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1
    context = {"query": query, "total": len(rows), "page": page, "pages": -(-len(rows) // PER_PAGE)}
    return rows[(page - 1) * PER_PAGE : page * PER_PAGE], context


async def _tags_count(page: RepositoryPage) -> int:
    found = await asyncio.to_thread(refs.snapshot, page.repository.path)
    return sum(name.startswith("refs/tags/") for name in found)
