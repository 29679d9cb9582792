"""How a page shows changes: by what choices of the visitor's, and which files drawn, which on demand."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from markupsafe import Markup

from gitperch.drawing.workshop import Undrawn
from gitperch.errors import Busy
from gitperch.git import GitError, sizes
from gitperch.git.diff import patches
from gitperch.git.diff.patches import CONTEXT, WHOLE
from gitperch.pages.highlight import workshop

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from starlette.requests import Request

    from gitperch.git.diff import FileChange, Span
    from gitperch.pages.repository import RepositoryPage

PAGE_LINES, PANEL_LINES, FILE_LINES = 2500, 400, 600
"""Changed lines that are drawn at once: of all files on a page, in the panel, and of one file."""

LINES_ON_DEMAND = 3000
AT_ONCE = 60  # files drawn at once
PANEL_FILES = 3  # of more, each is drawn when it is opened: who walks over commits has not asked for any
PATCH_BYTES = 2 << 20
PATCH_BYTES_ON_DEMAND = 4 << 20
WHOLE_FILE, WHOLE_FILES = 24 << 10, 96 << 10
"""Bytes of a file, and of all, that are coloured from their first line on; of larger ones only what is shown."""
WHOLE_ON_DEMAND = 96 << 10
SECONDS = 6.0
KEPT_BYTES = 3 << 20
COOKIE, YEAR = "diff", 31_536_000
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".ico")


@dataclass(frozen=True)
class View:
    """What the visitor chose: two sides beside each other, blank space ignored, and a page or the graph's panel."""

    split: bool = False
    ignore_space: bool = False
    panel: bool = False

    @classmethod
    def of(cls, request: Request) -> View:
        query = request.query_params
        way = query.get("view", request.cookies.get(COOKIE, ""))
        return cls(way == "split", query.get("space") == "ignore", "panel" in query)

    @property
    def parameters(self) -> dict[str, str]:
        """What an address needs to show the same; the way is remembered by the browser."""
        return {"space": "ignore"} if self.ignore_space else {}


@dataclass(frozen=True)
class FileDiff:
    """A file as a page shows it. `kind` says what there is to see:

    rows (`html`, in the body of a table), later (too large to be drawn unasked), binary, image, module, stored (with LFS; sizes in
    `stored`), same (nothing but its name or mode changed), space (only blank space did), missing (git did not say, or not in time).
    """

    change: FileChange
    number: int
    kind: str
    html: Markup = Markup()
    old_size: int | None = None
    new_size: int | None = None
    stored: tuple[int | None, int | None] = (None, None)
    foreign: bool = False
    cut: bool = False


class Drawer:
    """Draws files, and keeps what it has drawn, as far as that is little: the same commit is looked at more than once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[dict[str, Any], Markup]] = OrderedDict()
        self._size = 0

    async def files(
        self, page: RepositoryPage, span: Span, view: View, chosen: Sequence[tuple[int, FileChange]], budget: int
    ) -> list[FileDiff]:
        """Each of `chosen` (number and change), with its lines where these are few, and `budget` in all. Raises GitError, Busy."""
        plan: list[FileDiff] = []
        closed = view.panel and len(chosen) > PANEL_FILES
        known = {} if closed else await _sizes(page, [change for _, change in chosen])
        for number, change in chosen:
            kind = _kind(change, min(budget, FILE_LINES), late=closed or len(plan) >= AT_ONCE)
            if kind == "rows":
                budget -= change.lines
            plan.append(_planned(number, change, kind, known))
        return await self._drawn(page, span, view, plan, FILE_LINES * 2, PATCH_BYTES, WHOLE_FILE)

    async def one(self, page: RepositoryPage, span: Span, view: View, change: FileChange, number: int) -> FileDiff:
        """A file that somebody asked for, at most `LINES_ON_DEMAND` lines of it. Raises GitError, Busy."""
        known = await _sizes(page, [change])
        planned = _planned(number, change, _kind(change, None), known)
        return (
            await self._drawn(page, span, view, [planned], LINES_ON_DEMAND, PATCH_BYTES_ON_DEMAND, WHOLE_ON_DEMAND)
        )[0]

    async def _drawn(
        self, page: RepositoryPage, span: Span, view: View, plan: list[FileDiff], lines: int, limit: int, whole: int
    ) -> list[FileDiff]:
        asked = [file for file in plan if file.kind == "rows" and not self._find(page, span, view, file)]
        entire = _entire(span, asked, whole)
        texts: dict[str, bytes] = {}
        for files, context in (([f for f in asked if f not in entire], CONTEXT), (entire, WHOLE)):
            if files:
                git, path = page.host.git, page.repository.path
                texts |= await patches(git, path, span, [file.change for file in files], limit=limit, context=context)
        drawn: dict[str, tuple[dict[str, Any], Markup]] = {}

        async def draw(file: FileDiff) -> None:
            patch = texts[file.change.path]
            job = _job(file.change, view, lines, whole=file in entire)
            try:
                async with asyncio.timeout(SECONDS):
                    facts, html = await asyncio.wrap_future(workshop.ask(job, patch, SECONDS))
            except (Undrawn, TimeoutError, Busy):
                return  # its place says so, and offers to try again
            drawn[file.change.path] = facts, Markup(html.decode())  # noqa: S704 -- escaped where it was drawn
            self._keep(_key(page, span, view, file), *drawn[file.change.path])

        async with asyncio.TaskGroup() as group:
            for file in asked:
                if file.change.path in texts:
                    group.create_task(draw(file))
        found = []
        for file in plan:
            if file.kind == "rows":
                known = drawn.get(file.change.path) or self._find(page, span, view, file)
                nothing = "space" if span.ignore_space and file.change.path not in texts else "missing"
                file = _with(file, known) if known else replace(file, kind=nothing)
            found.append(file)
        return found

    def _find(
        self, page: RepositoryPage, span: Span, view: View, file: FileDiff
    ) -> tuple[dict[str, Any], Markup] | None:
        key = _key(page, span, view, file)
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _keep(self, key: Hashable, facts: dict[str, Any], html: Markup) -> None:
        if key in self._kept or len(html) > KEPT_BYTES // 8:
            return
        self._kept[key] = facts, html
        self._size += len(html)
        while self._size > KEPT_BYTES:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._size -= len(oldest)


def parameters(request: Request) -> dict[str, str]:
    """The query, with bytes in it that are not UTF-8 kept as surrogates, as in paths."""
    query = request.scope["query_string"].decode("latin-1")
    return dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))


def query(given: Mapping[str, str]) -> str:
    """`?a=b&c=d`, or "" for nothing; the other way round."""
    text = urlencode({name: value for name, value in given.items() if value}, errors="surrogateescape", quote_via=quote)
    return f"?{text}" if text else ""


def _key(page: RepositoryPage, span: Span, view: View, file: FileDiff) -> Hashable:
    """What a drawn file depends on: contents by their oids, never the commits that happen to have them."""
    change = file.change
    combined = span.new if span.combined else ""
    return (
        page.repository.id,
        combined,
        span.ignore_space,
        view.split,
        change.old_oid,
        change.new_oid,
        change.old_path,
        change.path,
    )


def _kind(change: FileChange, lines: int | None, *, late: bool = False) -> str:
    """`lines` that may be drawn, None for a file that was asked for."""
    if change.module:
        return "module"
    if not change.touched:
        return "same"
    if change.binary:
        return "image" if change.path.lower().endswith(IMAGES) else "binary"
    if lines is not None and (late or change.lines > lines or (change.added is None and change.status != "merged")):
        return "later"
    return "rows"


def _planned(number: int, change: FileChange, kind: str, known: Mapping[str, int]) -> FileDiff:
    return FileDiff(change, number, kind, old_size=known.get(change.old_oid), new_size=known.get(change.new_oid))


async def _sizes(page: RepositoryPage, chosen: Sequence[FileChange]) -> dict[str, int]:
    oids = [oid for change in chosen if not change.module for oid in (change.old_oid, change.new_oid)]
    try:
        return await sizes.of(page.host.git, page.repository.path, oids)
    except GitError:
        return {}


def _entire(span: Span, asked: Sequence[FileDiff], limit: int) -> list[FileDiff]:
    """The files that are small enough to be coloured from their first line."""
    found, left = [], max(limit, WHOLE_FILES)
    for file in asked:
        size = max(file.old_size or 0, file.new_size or 0)
        if not span.combined and size <= limit and size <= left:
            found.append(file)
            left -= size
    return found


def _job(change: FileChange, view: View, lines: int, *, whole: bool) -> dict[str, Any]:
    path = change.path.encode("utf-8", "replace").decode()
    old_path = (change.old_path or change.path).encode("utf-8", "replace").decode()
    return {
        "draw": "diff",
        "path": path,
        "old_path": old_path,
        "split": view.split,
        "lines": lines,
        "whole": whole,
        "context": CONTEXT,
    }


def _with(file: FileDiff, drawn: tuple[dict[str, Any], Markup]) -> FileDiff:
    facts, html = drawn
    if "stored" in facts:
        return replace(file, kind="stored", stored=tuple(facts["stored"]))
    if not html:
        return replace(file, kind="same" if file.change.added == file.change.deleted == 0 else "space")
    return replace(file, html=html, foreign=facts["foreign"], cut=facts["cut"])
