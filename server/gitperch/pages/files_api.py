"""What the scripts of the files pages ask for: folders, last commits, every path, refs by name."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from gitperch.accounts.access import client_address
from gitperch.errors import NotFound
from gitperch.git import refs
from gitperch.git.bounded import beginning
from gitperch.pages.filters import urlpath
from gitperch.pages.listing import entry_at, items
from gitperch.pages.repository import open_repository
from gitperch.pages.revisions import resolve, rest_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.pages.listing import Item

ENTRIES = 1000
PATHS_BYTES = 12 << 20
PATHS_SECONDS = 20.0
REFS = 60


async def folder(request: Request) -> Response:
    """`GET /api/repos/{owner}/{name}/tree/REF/PATH`: the entries of a folder, and with `?from_top` of those above it as well.

    `{"oid": commit, "folders": [{"path", "entries": [{"name", "kind", "path"}], "more": N}]}`; `path` as it stands in addresses.
    """
    page = await open_repository(request)
    place = await resolve(page, rest_of(request, 5))
    git = page.host.git
    parts = place.path.split("/") if place.path else []
    wanted = (
        ["/".join(parts[:n]) for n in range(len(parts) + 1)] if "from_top" in request.query_params else [place.path]
    )
    found = []
    for path in wanted:
        here = await entry_at(page, place.at(path))
        if here.kind != "tree":
            break
        listed = await git.look_up(page.repository.path, items, here.oid, 0)
        inside = f"{path}/" if path else ""
        found.append(
            {
                "path": urlpath(path),
                "entries": [_entry(inside, item) for item in listed[:ENTRIES]],
                "more": max(0, len(listed) - ENTRIES),
            }
        )
    if not found:
        raise NotFound(f"{place.path[:300]!r} is not a folder.")
    return JSONResponse({"oid": place.oid, "folders": found}, headers=_headers(place.fixed))


def _entry(inside: str, item: Item) -> dict[str, Any]:
    entry = item.entry
    return {
        "name": _shown(entry.name),
        "kind": entry.kind,
        "path": urlpath(inside + entry.name),
    }


async def paths(request: Request) -> Response:
    """`GET /api/repos/{owner}/{name}/paths/REF`: every file's path, each behind it a NUL, up to `PATHS_BYTES`.

    Those that are not UTF-8 are left out. `x-more: 1` says that there are others.
    """
    page = await open_repository(request)
    place = await resolve(page, rest_of(request, 5))
    headers = _headers(place.fixed) | {"content-type": "application/octet-stream", "etag": f'"{place.oid}"'}
    if headers["etag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    git = page.host.git
    listing = ("ls-tree", "-r", "-z", "--name-only", "--full-tree", "--end-of-options", place.oid)
    async with git.children.turn(client_address(HTTPConnection(request.scope))):
        said, whole = await beginning(
            git, *listing, path=page.repository.path, limit=PATHS_BYTES, seconds=PATHS_SECONDS
        )
    if not whole:
        headers["x-more"] = "1"
        said = said[: said.rfind(b"\0") + 1]
    packed = "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(await asyncio.to_thread(_readable, said, packed), headers=headers)


def _readable(said: bytes, packed: bool) -> bytes:
    if not said.isascii():
        said = b"\0".join(path for path in said.split(b"\0") if _is_text(path))
    if not packed:
        return said
    pack = zlib.compressobj(3, zlib.DEFLATED, 31)
    return pack.compress(said) + pack.flush()


def _is_text(path: bytes) -> bool:
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


async def refs_named(request: Request) -> Response:
    """`GET /api/repos/{owner}/{name}/refs?q=TEXT`: branches and tags with the text in their names, `REFS` of each at most.

    `{"branches": [...], "tags": [...], "more": {"branches": N, "tags": N}}`, the default branch and names that begin so first.
    """
    page = await open_repository(request)
    text = request.query_params.get("q", "").strip()[:200].lower()
    names = await asyncio.to_thread(_named, page.repository.path, text)
    head = page.repository.head
    answer: dict[str, Any] = {"more": {}}
    for kind in ("branches", "tags"):
        listed = sorted(
            names[kind], key=lambda name: (name != head, not name.lower().startswith(text) if text else False)
        )
        answer[kind] = [{"name": _shown(name), "path": urlpath(name)} for name in listed[:REFS]]
        answer["more"][kind] = max(0, len(listed) - REFS)
    return JSONResponse(answer, headers=_headers(fixed=False))


def _named(path: Any, text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"branches": [], "tags": []}
    for name in refs.snapshot(path):
        for folder, kind in (("refs/heads/", "branches"), ("refs/tags/", "tags")):
            if name.startswith(folder) and text in name[len(folder) :].lower():
                found[kind].append(name[len(folder) :])
    found["tags"].reverse()  # v2.10 before v1.0 more often than not
    return found


def _shown(name: str) -> str:
    """A name without the surrogates that stand for bytes which are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _headers(fixed: bool) -> dict[str, str]:
    return {
        "cache-control": "private, max-age=86400" if fixed else "private, no-cache",
        "vary": "cookie, authorization, accept-encoding",
        "x-content-type-options": "nosniff",
    }
