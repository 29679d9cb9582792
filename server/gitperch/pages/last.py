"""When each file was last changed, and by what: as far as it is known when a page is drawn, then as a stream for its script."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitperch.git import GitError, commits
from gitperch.git.last_commits import last_commits
from gitperch.pages.listing import entry_at, items
from gitperch.pages.ndjson import Ndjson
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import Place, resolve, rest_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.commits import Commit

SECONDS = 12.0
KEPT = 20_000  # names, over all folders


@dataclass
class Known:
    """The newest commit of each name; "" is a file's own. `whole`: there is no use in looking further."""

    oids: dict[str, str] = field(default_factory=dict)
    whole: bool = False


class Last:
    """Looks, and keeps what it found for the folders that were looked at last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str, str], Known] = OrderedDict()
        self._names = 0

    async def soon(self, page: RepositoryPage, place: Place, names: Sequence[str], seconds: float) -> Known:
        """What is kept, or else can be found in `seconds`. No `names`: the file at `place`."""
        key = (page.repository.id, place.oid, place.path)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        known = Known()
        try:
            async with (
                asyncio.timeout(seconds),
                page.host.git.lookers,
                aclosing(self._walk(page, place, names, known)) as walk,
            ):
                async for _ in walk:
                    pass
        except (TimeoutError, GitError):
            pass
        known.whole |= not names and bool(known.oids)
        return known

    async def _walk(
        self, page: RepositoryPage, place: Place, names: Sequence[str], known: Known
    ) -> AsyncGenerator[dict[str, str]]:
        found = last_commits(page.host.git, page.repository.path, place.oid, place.path, names, SECONDS)
        async with aclosing(found):
            async for some in found:
                known.oids |= some
                yield some
        known.whole = True
        self._keep((page.repository.id, place.oid, place.path), known)

    def _keep(self, key: tuple[int, str, str], known: Known) -> None:
        self._names += len(known.oids) - len(self._kept.pop(key, Known()).oids)
        self._kept[key] = known
        while self._names > KEPT and len(self._kept) > 1:
            self._names -= len(self._kept.popitem(last=False)[1].oids)

    async def stream(self, request: Request) -> Response:
        """`GET /api/repos/{owner}/{name}/last-commits/REF/PATH`, NDJSON.

        `{"n", "oid", "subject", "author", "time"}` for each entry of the folder, where `n` counts the entries in the order of its
        page, and `{"done": true}`. For a file there is one line, with `n` 0.
        """
        page = await open_repository(request)
        place = await resolve(page, rest_of(request, 5))
        entry = await entry_at(page, place)
        names = []
        if entry.kind == "tree":
            listed = await page.host.git.look_up(page.repository.path, items, entry.oid, 0)
            names = [item.entry.name for item in listed]
        return Ndjson(page.host.git, self._told(page, place, names), {"cache-control": "private, no-cache"})

    async def _told(self, page: RepositoryPage, place: Place, names: Sequence[str]) -> AsyncGenerator[dict[str, Any]]:
        numbers = {name: n for n, name in enumerate(names or [""])}
        kept = self._kept.get((page.repository.id, place.oid, place.path))
        some = _one(kept.oids) if kept else self._walk(page, place, names, Known())
        async with aclosing(some):
            async for oids in some:
                found = await page.host.git.look_up(page.repository.path, commits.several, set(oids.values()))
                for name, oid in oids.items():
                    if oid in found and name in numbers:
                        yield {"n": numbers[name]} | _described(found[oid])
        yield {"done": True}


async def _one(oids: dict[str, str]) -> AsyncGenerator[dict[str, str]]:
    yield oids


def _described(commit: Commit) -> dict[str, Any]:
    return {
        "oid": commit.oid,
        "subject": commit.subject[:300],
        "author": commit.author.name,
        "time": commit.committer.at,
    }
