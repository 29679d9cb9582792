"""Folders of a commit: the Files tab."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from markupsafe import Markup

from gitperch.git import commits, objects
from gitperch.pages import markdown
from gitperch.pages.filters import urlpath
from gitperch.pages.listing import elsewhere, entry_at, items
from gitperch.pages.repository import RepositoryPage, open_repository
from gitperch.pages.revisions import Place, resolve, rest_of
from gitperch.pages.submodules import addresses
from gitperch.pages.templates import Page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from gitperch.git.objects import Blob, Entry
    from gitperch.pages.last import Last

ENTRIES = 1000
MANY = 100  # entries from which on the page is drawn in a thread
AT_ONCE_SECONDS = 0.08  # what a page waits for last commits; a script asks for the rest


class Files:
    """The page of a folder."""

    def __init__(self, last: Last) -> None:
        self._last = last

    async def tree(self, request: Request) -> Response:
        page = await open_repository(request)
        if page.empty:
            return page.response("files.html", "files", place=None)
        place = await resolve(page, rest_of(request))
        entry = await entry_at(page, place)
        if entry.kind != "tree":
            return elsewhere(page, place, entry)
        git, path = page.host.git, page.repository.path
        listed = await git.look_up(path, items, entry.oid, ENTRIES)
        names = [item.entry.name for item in listed]
        last = await self._last.soon(page, place, names, AT_ONCE_SECONDS)
        found = await git.look_up(path, commits.several, {place.oid, *last.oids.values()})
        modules = {}
        if any(item.entry.kind == "module" for item in listed):
            modules = await git.look_up(path, addresses, place.oid)
        readme_name, readme = await _readme(page, place, [item.entry for item in listed])
        response = page.response(
            "files.html",
            "files",
            headers=with_pictures(page) if readme else None,
            place=place,
            rows=[(item, found.get(last.oids.get(item.entry.name, ""))) for item in listed[:ENTRIES]],
            modules=modules,
            pending=not last.whole,
            hidden=max(0, len(listed) - ENTRIES),
            commit=found.get(place.oid),
            readme=readme,
            readme_name=readme_name,
        )
        if isinstance(response, Page):
            response.large = len(listed) > MANY
        return response


async def _readme(page: RepositoryPage, place: Place, inside: list[Entry]) -> tuple[str, Markup | None]:
    blobs = {entry.name: entry for entry in inside if entry.kind == "blob"}
    name = markdown.readme_of(list(blobs))
    if not name:
        return "", None
    content = await page.host.git.look_up(page.repository.path, objects.blob, blobs[name].oid, markdown.LIMIT)
    if not content.whole or content.binary:
        return name, None
    if not markdown.is_markdown(name):
        return name, Markup("<pre>{}</pre>").format(content.text)
    return name, await rendered(page, place, content, place.path)


async def rendered(page: RepositoryPage, place: Place, content: Blob, folder: str) -> Markup | None:
    """Markdown as HTML whose links lead to files beside it in `folder`; None where it is too long for that."""
    if len(content.data) > markdown.LIMIT:
        return None
    base = f"{page.root}/{{}}/{urlpath(place.name)}/".replace("{}", "\0").replace("{", "{{").replace("}", "}}")
    return await asyncio.to_thread(markdown.render, content.text, base.replace("\0", "{}"), folder)


def with_pictures(page: RepositoryPage) -> dict[str, str]:
    """Headers for a page with somebody's Markdown in it, which may show pictures of other sites."""
    return {"content-security-policy": page.host.templates.policy(images="https:")}
