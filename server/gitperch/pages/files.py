"""Folders and files of a commit: the Files tab, a file's page, and its raw bytes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from gitperch.errors import NotFound
from gitperch.git import commits, objects
from gitperch.lfs.download import Download
from gitperch.pages import markdown
from gitperch.pages.filters import urlpath
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import Place, resolve, rest_of
from gitperch.pages.streamed import StreamedBlob

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.git.commits import Commit
    from gitperch.git.objects import Blob, Entry
    from gitperch.lfs.store import Stored

SHOWN = 512 << 10  # bytes of a file that its page shows
LINES = 6000
ENTRIES = 2000
RAW_AT_ONCE = 1 << 20
LAST_COMMIT_SECONDS = 0.8
KEPT_FOLDERS = 200
_IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
    ".ico": "image/vnd.microsoft.icon",
}
# A raw file is an island: no scripts, no requests, an origin of its own.
RAW_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


@dataclass(frozen=True)
class Row:
    """An entry of a folder with the newest commit that touched it, where that was found in time."""

    entry: Entry
    size: int | None
    commit: Commit | None


class Files:
    """The pages about files, and the last commits that they keep per folder."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], dict[str, str]] = {}

    async def tree(self, request: Request) -> Response:
        page = await open_repository(request)
        if page.empty:
            return page.response("files.html", "files", place=None)
        place = await resolve(page, rest_of(request))
        entry = await _entry(page, place)
        if entry.kind != "tree":
            return RedirectResponse(_address(page, "blob", place), 302)
        git, path = page.host.git, page.repository.path
        listed = await git.read(path, objects.folder, entry.oid)
        last = await self._last_commits(page, place, {inside.name for inside, _ in listed})
        found = await git.read(path, commits.several, {place.oid, *last.values()})
        rows = [Row(inside, size, found.get(last.get(inside.name, ""))) for inside, size in listed[:ENTRIES]]
        readme_name, readme = await _readme(page, place, [inside for inside, _ in listed])
        return page.response(
            "files.html",
            "files",
            headers=_with_pictures(page) if readme else None,
            place=place,
            rows=rows,
            hidden=len(listed) - len(rows),
            commit=found.get(place.oid),
            readme=readme,
            readme_name=readme_name,
        )

    async def _last_commits(self, page: RepositoryPage, place: Place, names: set[str]) -> dict[str, str]:
        key = (place.oid, place.path)
        if key not in self._last:
            last = await commits.last_commits(
                page.host.git, page.repository.path, place.oid, place.path, names, LAST_COMMIT_SECONDS
            )
            if len(self._last) >= KEPT_FOLDERS:
                self._last.pop(next(iter(self._last)))
            self._last[key] = last
        return self._last[key]


async def blob(request: Request) -> Response:
    page = await open_repository(request)
    place = await resolve(page, rest_of(request))
    entry = await _entry(page, place)
    if entry.kind in ("tree", "module"):
        return RedirectResponse(_address(page, "tree", place), 302)
    git, path = page.host.git, page.repository.path
    content = await git.read(path, objects.blob, entry.oid, SHOWN)
    last = await commits.last_commits(git, path, place.oid, place.parent, {entry.name}, LAST_COMMIT_SECONDS)
    found = await git.read(path, commits.several, {last.get(entry.name, place.oid)})
    stored = await page.host.lfs.behind(page.repository, content.data)
    kind = _kind(entry, content, stored)
    rendered = None
    if kind == "text" and markdown.is_markdown(entry.name) and "plain" not in request.query_params:
        rendered = await _rendered(page, place, content, place.parent)
    return page.response(
        "blob.html",
        "files",
        headers=_with_pictures(page) if rendered else None,
        place=place,
        entry=entry,
        blob=content,
        kind=kind,
        stored=stored,
        rendered=rendered,
        is_markdown=markdown.is_markdown(entry.name),
        lines=content.text.removesuffix("\n").split("\n")[:LINES] if kind == "text" and not rendered else [],
        lines_limit=LINES,
        commit=found.get(last.get(entry.name, "")),
    )


async def raw(request: Request) -> Response:
    page = await open_repository(request)
    place = await resolve(page, rest_of(request))
    entry = await _entry(page, place)
    if entry.kind not in ("blob", "link"):
        raise NotFound(f"{place.path or 'The top'} is a folder; only files have raw content.")
    git, path = page.host.git, page.repository.path
    headers = {
        "etag": f'"{entry.oid}"',
        "cache-control": "private, max-age=31536000, immutable" if place.fixed else "private, no-cache",
        "content-security-policy": RAW_POLICY,
        "cross-origin-resource-policy": "same-origin",
        "vary": "cookie, authorization",
        "x-content-type-options": "nosniff",
    }
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = await git.read(path, objects.blob, entry.oid, RAW_AT_ONCE)
    stored = await page.host.lfs.behind(page.repository, content.data)
    headers["content-type"] = _IMAGES.get(_suffix(entry.name), "")
    if not headers["content-type"]:
        text = content.whole and not content.binary and not stored
        headers["content-type"] = "text/plain; charset=utf-8" if text else "application/octet-stream"
        if not text:
            headers["content-disposition"] = "attachment"
    if stored:
        return Download(request, stored, page.host.lfs.places, git.settings.stall_seconds, headers)
    if content.whole:
        return Response(content.data, headers=headers)
    return StreamedBlob(git, path, entry.oid, content.size, headers)


async def _entry(page: RepositoryPage, place: Place) -> Entry:
    entry = await page.host.git.read(page.repository.path, objects.find, place.oid, place.path)
    if entry is None:
        raise NotFound(f"There is no {place.path[:300]!r} in {place.name} of {page.repository.full_name}.")
    return entry


def _kind(entry: Entry, content: Blob, stored: Stored | None) -> str:
    """How the page shows it: link, image, lfs, large, binary, text."""
    if entry.kind == "link":
        return "link"
    if _suffix(entry.name) in _IMAGES:
        return "image"
    if stored:
        return "lfs"
    if not content.whole:
        return "large"
    return "binary" if content.binary else "text"


async def _readme(page: RepositoryPage, place: Place, inside: list[Entry]) -> tuple[str, Markup | None]:
    blobs = {entry.name: entry for entry in inside if entry.kind == "blob"}
    name = markdown.readme_of(list(blobs))
    if not name:
        return "", None
    content = await page.host.git.read(page.repository.path, objects.blob, blobs[name].oid, markdown.LIMIT)
    if not content.whole or content.binary:
        return name, None
    if not markdown.is_markdown(name):
        return name, Markup("<pre>{}</pre>").format(content.text)
    return name, await _rendered(page, place, content, place.path)


async def _rendered(page: RepositoryPage, place: Place, content: Blob, folder: str) -> Markup | None:
    if len(content.data) > markdown.LIMIT:
        return None
    base = f"{page.root}/{{}}/{urlpath(place.name)}/".replace("{}", "\0").replace("{", "{{").replace("}", "}}")
    return await asyncio.to_thread(markdown.render, content.text, base.replace("\0", "{}"), folder)


def _with_pictures(page: RepositoryPage) -> dict[str, str]:
    """Headers for a page with somebody's Markdown in it, which may show pictures of other sites."""
    return {"content-security-policy": page.host.templates.policy(images="https:")}


def _address(page: RepositoryPage, kind: str, place: Place) -> str:
    path = f"/{urlpath(place.path)}" if place.path else ""
    return f"{page.root}/{kind}/{urlpath(place.name)}{path}"


def _suffix(name: str) -> str:
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""
