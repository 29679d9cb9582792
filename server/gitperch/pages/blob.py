"""A file's page, and its raw bytes."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from gitperch.errors import NotFound
from gitperch.git import commits, objects
from gitperch.lfs.download import Download
from gitperch.pages import markdown
from gitperch.pages.files import AT_ONCE_SECONDS, rendered, with_pictures
from gitperch.pages.lines import AT_ONCE, Window
from gitperch.pages.listing import content_of, elsewhere, entry_at, suffix
from gitperch.pages.repository import open_repository
from gitperch.pages.revisions import resolve, rest_of
from gitperch.pages.streamed import StreamedBlob

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.git.objects import Blob, Entry
    from gitperch.lfs.store import Stored
    from gitperch.pages.last import Last
    from gitperch.pages.lines import Lines
    from gitperch.pages.repository import RepositoryPage
    from gitperch.pages.revisions import Place

SHOWN = 8 << 20  # bytes of a file that its page shows
RAW_AT_ONCE = 1 << 20
LINK = 4096  # bytes of a symbolic link, as of a path anywhere
PATIENCE_SECONDS = 0.4  # for the colours of a page, which is drawn without them otherwise
PATIENT_SECONDS = 8.0
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
# What people would call a file that is not text.
_CALLED = {
    **dict.fromkeys((".mp3", ".ogg", ".oga", ".opus", ".flac", ".wav", ".m4a"), "audio"),
    **dict.fromkeys((".mp4", ".webm", ".mov", ".mkv", ".ogv", ".avi"), "video"),
    ".pdf": "a PDF document",
    **dict.fromkeys((".zip", ".gz", ".xz", ".bz2", ".zst", ".tar", ".7z"), "an archive"),
    **dict.fromkeys((".woff", ".woff2", ".ttf", ".otf"), "a font"),
}
# A raw file is an island: no scripts, no requests, an origin of its own.
RAW_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"


class BlobPage:
    """The page of a file."""

    def __init__(self, last: Last, lines: Lines) -> None:
        self._last = last
        self._lines = lines

    async def show(self, request: Request) -> Response:
        """`?from=N` begins at a later line; with `rows` as well, only the table's rows are given (see `patience`)."""
        page = await open_repository(request)
        place = await resolve(page, rest_of(request))
        entry = await entry_at(page, place)
        if entry.kind in ("tree", "module"):
            return elsewhere(page, place, entry)
        git, path = page.host.git, page.repository.path
        content = await content_of(page, entry.oid, SHOWN)
        stored = await page.host.lfs.behind(page.repository, content.data)
        kind = _kind(entry, content, stored)
        if kind == "text" and "rows" in request.query_params:
            window = await self._lines.window(content, entry.name, first_line(request), patience(request))
            return page.response(
                "_lines.html", "files", headers=kept_headers(window, place.fixed), window=window, blame=False
            )
        last = await self._last.soon(page, place, [], AT_ONCE_SECONDS)
        found = await git.look_up(path, commits.several, set(last.oids.values()))
        shown = None
        if kind == "text" and markdown.is_markdown(entry.name) and "plain" not in request.query_params:
            shown = await rendered(page, place, content, place.parent)
        window = Window(1, [], 0)
        if kind == "text" and not shown:
            window = await self._lines.window(content, entry.name, first_line(request), PATIENCE_SECONDS)
        return page.response(
            "blob.html",
            "files",
            headers=with_pictures(page) if shown else None,
            place=place,
            entry=entry,
            blob=content,
            kind=kind,
            leads=await _leads(page, place, content) if kind == "link" else "",
            called=_CALLED.get(suffix(entry.name), "not text"),
            stored=stored,
            rendered=shown,
            is_markdown=markdown.is_markdown(entry.name),
            window=window,
            at_once=AT_ONCE,
            commit=found.get(last.oids.get("", "")),
            pending=not last.whole,
        )


async def _leads(page: RepositoryPage, place: Place, link: Blob) -> str:
    """The path here that a symbolic link leads to, not followed any further; "" where that is outside, or nothing."""
    target = os.fsdecode(link.data)
    path = posixpath.normpath(posixpath.join(place.parent, target))
    outside = target.startswith("/") or path.split("/")[0] in (".", "..")
    if outside or not target or "\0" in target or link.size > LINK:
        return ""
    found = await page.host.git.look_up(page.repository.path, objects.find, place.oid, path)
    return path if found and found.kind != "module" else ""


def first_line(request: Request) -> int:
    """`from` of the address, or 1."""
    given = request.query_params.get("from", "1")
    return max(1, int(given)) if given.isdecimal() and len(given) < 9 else 1


def patience(request: Request) -> float:
    """Seconds to wait for the colours of lines: `patient` asks for those that were not there in time."""
    return PATIENT_SECONDS if "patient" in request.query_params else PATIENCE_SECONDS


def kept_headers(window: Window, fixed: bool) -> dict[str, str]:
    """Lines of a file at a commit stay as they are; an hour, since the colours may learn something."""
    return {"cache-control": "private, max-age=3600" if fixed and not window.waits else "private, no-cache"}


async def raw(request: Request) -> Response:
    """The bytes; `?download` has the browser save them."""
    page = await open_repository(request)
    place = await resolve(page, rest_of(request))
    entry = await entry_at(page, place)
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
    content = await content_of(page, entry.oid, SHOWN)
    stored = await page.host.lfs.behind(page.repository, content.data)
    headers["content-type"] = _IMAGES.get(suffix(entry.name), "")
    if not headers["content-type"]:
        text = content.whole and not content.binary and not stored
        headers["content-type"] = "text/plain; charset=utf-8" if text else "application/octet-stream"
        if not text:
            headers["content-disposition"] = "attachment"
    if "download" in request.query_params:
        headers["content-disposition"] = _saved_as(entry.name)
    if stored:
        return Download(request, stored, page.host.lfs.places, git.settings.stall_seconds, headers)
    if content.whole and content.size <= RAW_AT_ONCE:
        return Response(content.data, headers=headers)
    return StreamedBlob(git, path, entry.oid, content.size, headers)


def _saved_as(name: str) -> str:
    """RFC 6266, with a name that may hold anything."""
    return f"attachment; filename*=UTF-8''{quote(name.encode('utf-8', 'surrogateescape'), safe='')}"


def _kind(entry: Entry, content: Blob, stored: Stored | None) -> str:
    """How the page shows it: link, image, lfs, large, binary, text."""
    if entry.kind == "link":
        return "link"
    if suffix(entry.name) in _IMAGES:
        return "image"
    if stored:
        return "lfs"
    if not content.whole:
        return "large"
    return "binary" if content.binary else "text"
