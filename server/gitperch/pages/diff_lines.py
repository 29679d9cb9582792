"""More lines around a change, as rows to be put between those that are there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse

from gitperch.drawing.workshop import Undrawn
from gitperch.errors import BadRequest, Busy, NotFound
from gitperch.git import GitError, names, objects
from gitperch.pages.highlight import workshop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pygit2.repository import Repository as LibgitRepository
    from starlette.responses import Response

    from gitperch.pages.diff_view import View
    from gitperch.pages.repository import RepositoryPage

LINES = 500  # at once
FILE = 8 << 20  # bytes; of a larger file no more than its changes is shown
COLOUR = 128 << 10  # characters of a file that is coloured for a few of its lines
SECONDS = 5.0


async def drawn_lines(page: RepositoryPage, oid: str, given: Mapping[str, str], view: View) -> Response:
    """The lines `first` to `last` of the file `path` in the commit `oid`. Raises BadRequest, NotFound, Busy."""
    path = names.tree_path(given.get("path", ""))
    first, last, shift = (_number(given, name) for name in ("first", "last", "shift"))
    if not 1 <= first <= last or last - first >= LINES:
        raise BadRequest(f"first and last have to be lines of the file, at most {LINES} of them.", field="last")
    try:
        blob = await page.host.git.look_up(page.repository.path, _blob, oid, path)
    except GitError:
        blob = None
    if not blob or not blob.whole or blob.binary:
        raise NotFound("There are no lines of text of that file in that commit, or it is too large.", field="path")
    job = {
        "draw": "lines",
        "path": path.encode("utf-8", "replace").decode(),
        "first": first,
        "last": last,
        "shift": shift,
        "split": view.split,
        "colour": COLOUR,
    }
    try:
        async with asyncio.timeout(SECONDS):
            facts, html = await asyncio.wrap_future(workshop.ask(job, blob.data, SECONDS))
    except (Undrawn, TimeoutError):
        raise Busy("The lines were not drawn in time. Try again in a moment.") from None
    headers = {
        "cache-control": "private, max-age=3600",
        "vary": "cookie, accept-encoding",
        "x-content-type-options": "nosniff",
        "x-file-end": "true" if facts["end"] else "false",
    }
    return HTMLResponse(html, headers=headers)


def _number(given: Mapping[str, str], name: str) -> int:
    text = given.get(name, "")
    digits = text.removeprefix("-") if name == "shift" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise BadRequest(f"{name} has to be a whole number.", field=name)
    return int(text)


def _blob(repository: LibgitRepository, commit: str, name: str) -> objects.Blob | None:
    entry = objects.find(repository, commit, name)
    return objects.blob(repository, entry.oid, FILE) if entry and entry.kind in ("blob", "link") else None
