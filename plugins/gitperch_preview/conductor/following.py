"""What a pusher reads: what was found, and, at a terminal, how it goes on until the new version answers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch_preview.conductor import states
from gitperch_preview.logs.reading import Reader
from gitperch_preview.logs.writing import WRONG
from gitperch_preview.pages.words import address

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from gitperch.repositories import Repository
    from gitperch_preview.conductor.stage import Stage
    from gitperch_preview.contract import Recipe

BEGIN_SECONDS = 20.0  # that it may take until a push has become deployments, on a machine that has much else to do
LOOK_SECONDS = 0.15  # between looks at a log
LINE_LIMIT = 400  # characters
_INDENT = " " * 7
_STEP, _DONE = "-----> ", "=====> "


@dataclass(frozen=True)
class Told:
    """A branch that was pushed, what its commit is, and the address of its preview."""

    branch: str
    oid: str
    url: str
    recipe: Recipe


async def told(
    stage: Stage, repo: Repository, pushed: Sequence[Told], more: Sequence[str], seconds: float
) -> AsyncIterator[str]:
    """Lines for whoever pushed: of each branch what was found, or, if there are `seconds` to follow it, its log as it grows, and what
    became of it."""
    begun_by = time.monotonic() + BEGIN_SECONDS
    until = time.monotonic() + seconds
    for each in pushed:
        if seconds:
            async for line in _one(stage, repo, each, begun_by, until):
                yield _plain(line)
        else:
            for line in _found(stage, repo, each):
                yield _plain(line)
    for line in more:
        yield line


def _plain(line: str) -> str:
    """What may go to a terminal, whatever the repository says."""
    return "".join(letter if letter.isprintable() else " " for letter in line[:LINE_LIMIT])


def heading(branch: str, recipe: Recipe) -> str:
    """The first line about a commit."""
    source = recipe.dockerfile or next((command.source for command in recipe.commands), "")
    return f"Building {branch} ({source})" if source else branch


def _found(stage: Stage, repo: Repository, told: Told) -> list[str]:
    lines = [_STEP + heading(told.branch, told.recipe), *(_INDENT + line for line in told.recipe.found)]
    if told.recipe.problem:
        return [*lines, f"{WRONG}{told.recipe.problem}", *_stays(stage, repo, told)]
    return [*lines, f"{_DONE}{told.url}"]


def files(told: Told) -> list[str]:
    """A branch of which nothing runs; where it shows nothing either, what there is that might have been meant to."""
    notes = told.recipe.found[1:] if told.recipe.empty else ()
    return [f"Preview  {told.url}", *(_plain(f"{'':9}{note}") for note in notes)]


def _stays(stage: Stage, repo: Repository, told: Told) -> list[str]:
    branch = stage.branches.get((repo.id, told.branch))
    stays = branch and branch.serving and branch.serving.state != states.STOPPED
    return [f"{_INDENT}The version before stays at {told.url}"] if stays else []


async def _one(stage: Stage, repo: Repository, each: Told, begun_by: float, until: float) -> AsyncIterator[str]:
    def first() -> int | None:
        return 0 if stage.closing else _deployment(stage, repo, each.branch, each.oid)

    begun = await stage.news.until(first, max(0.0, begun_by - time.monotonic()))
    if not begun or each.recipe.problem:
        for line in _found(stage, repo, each):
            yield line
        return

    def outcome() -> str | None:
        return _outcome(stage, repo, each.branch, begun)

    def over() -> bool | None:
        return time.monotonic() > until or stage.closing or outcome() is not None or None

    last = ""
    async for line in _log(stage, repo, begun, over):
        yield line
        last = line
    for line in _ending(stage, repo, each, outcome()):
        if line != last:  # a log ends with what is wrong
            yield line


def _ending(stage: Stage, repo: Repository, each: Told, outcome: str | None) -> list[str]:
    """What is said at last."""
    branch = stage.branches.get((repo.id, each.branch))
    problem = [WRONG + branch.place.problem] if branch and branch.place.problem else []
    there = f"{_DONE}{each.url}"
    page = stage.host.config.base_url + address(repo, each.branch)
    match outcome:
        # Asleep until its first visitor: many came at once, or there was no room.
        case states.READY | states.SLEEPING:
            return [*problem, there]
        case states.FAILED:
            return [*problem, *_stays(stage, repo, each), f"{_INDENT}More of it: {page}"]
        case None:
            return [f"{_STEP}This takes longer. It goes on by itself: {page}", there]
    return [f"{WRONG}A newer push has replaced this one."]


async def _log(
    stage: Stage, repo: Repository, deployment_id: int, over: Callable[[], bool | None]
) -> AsyncIterator[str]:
    with Reader(stage.logs.path(repo.id, deployment_id), ()) as reader:
        rest, last = "", False
        while not last:
            last = bool(await stage.news.until(over, LOOK_SECONDS))
            more = reader.has_more or last
            while more:
                more = await asyncio.to_thread(reader.fetch)
                # Between the two: it may not have been given any when it was followed first.
                reader.hide(await stage.secrets_of(repo.id, deployment_id))
                piece = await asyncio.to_thread(reader.take, last=last and not more)
                *lines, rest = (rest + (piece.text if piece else "")).split("\n")
                for line in lines:
                    yield line if line.startswith((_STEP, _INDENT, WRONG)) else _INDENT + line
        if rest:
            yield _INDENT + rest


def _deployment(stage: Stage, repo: Repository, branch: str, oid: str) -> int | None:
    """The deployment of what was pushed, or of what came after it."""
    found = stage.branches.get((repo.id, branch))
    return found.newest.id if found and found.newest.oid == oid else None


def _outcome(stage: Stage, repo: Repository, branch: str, deployment_id: int) -> str | None:
    """What it has come to; None as long as it is on its way."""
    found = stage.branches.get((repo.id, branch))
    if not found or found.newest.id != deployment_id:
        return states.STOPPED
    state = found.newest.state
    return None if state in states.UNFINISHED else state
