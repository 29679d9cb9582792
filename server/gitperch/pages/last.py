"""When each file was last changed, and by what: as far as it is known when a page is drawn, then as a stream for its script."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitperch.git import GitError, commits
from gitperch.git.last_commits import follows, last_commits
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
        self._newest: dict[tuple[int, str], str] = {}  # by repository and path, the commit that was looked at last
        self._size = 0

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
        """What is found is in `known`, too. What was known of an older commit is not looked for again."""
        git, path = page.host.git, page.repository.path
        before = self._newest.get((page.repository.id, place.path), "")
        older = self._kept.get((page.repository.id, before, place.path))
        if not older or not await follows(git, path, before, place.oid):
            before = ""
        found = last_commits(git, path, place.oid, place.path, names, SECONDS, since=before)
        async with aclosing(found):
            async for some in found:
                known.oids |= some
                yield some
        if older and before:
            rest = {name: older.oids[name] for name in names or [""] if name in older.oids and name not in known.oids}
            known.oids |= rest
            yield rest
        known.whole = True
        self._keep(page.repository.id, place, known)

    def _keep(self, repo_id: int, place: Place, known: Known) -> None:
        key = (repo_id, place.oid, place.path)
        gone = self._kept.pop(key, None)
        self._size += len(known.oids) + 1 - (len(gone.oids) + 1 if gone else 0)
        self._kept[key] = known
        self._newest[repo_id, place.path] = place.oid
        while self._size > KEPT and len(self._kept) > 1:
            (repo_id, oid, path), gone = self._kept.popitem(last=False)
            self._size -= len(gone.oids) + 1
            if self._newest.get((repo_id, path)) == oid:
                del self._newest[repo_id, path]

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
