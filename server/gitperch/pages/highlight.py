"""Code in colour, for pages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from markupsafe import Markup

from gitperch.drawing.characters import shown
from gitperch.drawing.workshop import Undrawn, Workshop
from gitperch.errors import Busy

if TYPE_CHECKING:
    from concurrent.futures import Future

    from gitperch.drawing.workshop import Drawn

LIMIT = 512 << 10  # bytes of a text that is coloured
SECONDS = 3.0  # for one text; the process gives up by itself after less, of the processor
PATIENCE = 6.0  # seconds until one's turn is over; plain text is better than waiting

workshop = Workshop()


def highlight(path: str, text: str) -> list[Markup] | None:
    """The lines of `text` (as `text.split("\\n")` gives them) with spans of the classes `hl-…`, odd characters named.

    None where `path` tells no language, the text is larger than `LIMIT` or drawing it takes too long. It waits for a process: call it in a
    thread, or use `highlighted`.
    """
    job = _job(path, text)
    try:
        return _lines(job.result(PATIENCE)) if job else None
    except (Undrawn, TimeoutError):
        return None


async def highlighted(path: str, text: str) -> list[Markup] | None:
    """As `highlight`, for the event loop. A caller that is cancelled takes its job along."""
    job = _job(path, text)
    try:
        async with asyncio.timeout(PATIENCE):
            return _lines(await asyncio.wrap_future(job)) if job else None
    except (Undrawn, TimeoutError):
        return None


def plain(text: str) -> Markup:
    """`text` without colours, odd characters named."""
    return Markup(shown(text))  # noqa: S704 -- escaped there


def _job(path: str, text: str) -> Future[Drawn] | None:
    if len(text) > LIMIT:
        return None
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > LIMIT:
        return None
    try:
        return workshop.ask({"draw": "code", "path": path}, body, SECONDS)
    except Busy:
        return None


def _lines(drawn: Drawn) -> list[Markup] | None:
    facts, html = drawn
    if not facts["known"]:
        return None
    return [Markup(line) for line in html.decode().split("\n")]  # noqa: S704 -- escaped by the process
