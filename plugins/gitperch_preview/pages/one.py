"""The page of one preview: what it does, its deployments, a log, and who else may see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.errors import NotFound
from gitperch.pages.repository import open_repository
from gitperch_preview.conductor.records import Gone
from gitperch_preview.pages.shown import shown, titles_of
from gitperch_preview.pages.words import PATH, address, megabytes, patience
from gitperch_preview.vault import VaultError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.host import Host
    from gitperch.pages.repository import RepositoryPage
    from gitperch_preview.conductor.service import Conductor
    from gitperch_preview.pages.shown import Shown
    from gitperch_preview.pages.store import Past, Store
    from gitperch_preview.shares import Shares

DEPLOYMENTS = 20
LINES = 200  # of a log, for whoever has no script
HOURS = {"1": "an hour", "8": "8 hours", "24": "a day", "72": "3 days", "168": "a week", "720": "30 days"}
_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class LogShown:
    """The log of one deployment: its last lines, or why it cannot be read. `stream` is where it can be followed."""

    deployment: int
    stream: str
    lines: Sequence[str]
    problem: str


@dataclass(frozen=True)
class Runs:
    """The command that was started and the file it is from ("" where the image says it), what memory it may have, and how long
    it may be without visitors ("" for ever)."""

    command: str
    source: str
    memory: str
    patience: str


class OnePage:
    def __init__(self, host: Host, conductor: Conductor, store: Store, shares: Shares) -> None:
        self._host = host
        self._conductor = conductor
        self._store = store
        self._shares = shares

    async def show(self, request: Request) -> Response:
        page = await open_repository(request)
        repo, branch = page.repository, request.path_params["branch"]
        site = await self._store.site(repo.id, branch)
        if not site:
            raise NotFound(
                f"There is no preview of a branch {branch[:200]!r} in {repo.full_name}: it has nothing to show, or is gone."
            )
        (preview,) = await shown(self._host, self._conductor, repo, [site])
        past = await self._store.deployments(repo.id, branch, DEPLOYMENTS)
        writes = page.rank >= 2
        chosen = self._chosen(request, past)
        is_open = not repo.private or repo.open_previews
        return page.response(
            "preview.html",
            PATH,
            headers={"cache-control": "no-store"},
            preview=preview,
            about=address(repo, branch),
            past=past,
            titles=await titles_of(self._host, repo, (each.oid for each in past)),
            chosen=chosen,
            pinned="deployment" in request.query_params,
            runs=await self._runs(repo.id, preview),
            log=await self._log(page, branch, chosen) if chosen and writes else None,
            sharing="share" in request.query_params,
            is_open=is_open,
            shares=[(each, self._shares.url(each)) for each in await self._shares.of(site.label)] if writes else [],
            hours=HOURS,
        )

    def _chosen(self, request: Request, past: Sequence[Past]) -> Past | None:
        """The deployment whose log is shown: the one that the address names, else the newest. Raises NotFound."""
        text = request.query_params.get("deployment", "")
        if not text:
            return past[0] if past else None
        number = int(text) if _NUMBER.fullmatch(text) else 0
        for each in past:
            if each.id == number:
                return each
        raise NotFound(f"There is no deployment {text[:20]} of this branch any more: its last {len(past)} are kept.")

    async def _runs(self, repo_id: int, preview: Shown) -> Runs | None:
        """None for files."""
        branch = self._conductor.stage.branches.get((repo_id, preview.branch))
        if not branch:
            return None
        try:
            recipe = await self._conductor.stage.records.recipe(branch.newest.id)
        except Gone:
            return None
        previews = self._host.config.previews
        idle = previews.idle_minutes * 60 if recipe.idle is None else recipe.idle
        command = next(iter(recipe.commands[branch.newest.command :]), None)
        return Runs(
            command.shown if command else "",
            command.source if command else recipe.dockerfile,
            megabytes(self._conductor.stage.memory(recipe)),
            patience(idle) if idle else "",
        )

    async def _log(self, page: RepositoryPage, branch: str, chosen: Past) -> LogShown:
        stage, repo_id = self._conductor.stage, page.repository.id
        lines: Sequence[str] = ()
        problem = ""
        try:
            secrets = None
            while secrets != (
                now := await stage.secrets_of(repo_id, chosen.id)
            ):  # given one while it was read: once more
                secrets = now
                lines = await stage.logs.tail(repo_id, chosen.id, secrets, LINES)
        except VaultError as error:
            problem = error.message
        stream = f"/api/repos{address(page.repository, branch)}/log"
        return LogShown(chosen.id, stream, lines, problem)
