"""What a visitor sees of an app that does not answer: that it is waking up, that it failed, or that it took too long."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, PlainTextResponse

from gitperch_preview import notices
from gitperch_preview.gateway.connections import Late
from gitperch_preview.gateway.headers import Refused
from gitperch_preview.gateway.live import LIFE, STILL
from gitperch_preview.keep import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from gitperch.host import Host
    from gitperch_preview.contract import Place, Places
    from gitperch_preview.gateway.apps import Visit

STATE = "/.gitperch/state"
LINES = 12
LINE = 300  # characters
POLL_SECONDS, LOOK_SECONDS = 20.0, 0.25
POLLS = 200  # pages that wait for news at once; the others ask again
_SECRET = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
# Colours and cursor moves (ECMA-48), then whatever else no line of text should have.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)


@dataclass(frozen=True)
class Words:
    """`mark` is the state's own shape, `kind` names its colour."""

    title: str
    text: str
    mark: str
    kind: str


_WORDS = {
    "sleeping": Words("Waking up", "Nobody came for a while. This page turns into it.", "☾", "asleep"),
    "queued": Words("Waiting for its turn", "Another build comes first. This page turns into the preview.", "◐", "busy"),
    "building": Words("Building", "Its commit is being built. This page turns into the preview.", "◐", "busy"),
    "starting": Words("Starting", "Its app is about to answer. This page turns into it.", "◐", "busy"),
    "ready": Words("Almost there", "Its app is up.", "●", "well"),
    "failed": Words("This preview failed", "Its newest commit could not be brought up, and no earlier one runs.", "✕", "failed"),
    "stopped": Words("This preview is stopped", "Nothing of it runs. A push to its branch starts it again.", "■", "asleep"),
}  # fmt: skip


class Pages:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._polls = 0
        self.closing = False
        self._tails: Kept[tuple[int, str, int], list[str]] = Kept(100, LOOK_SECONDS)

    def absent(self, places: Places, visit: Visit, place: Place, scope: Scope) -> Response:
        """Nothing serves. A page that turns into the app by itself when one does."""
        seen = str(self._now(places, visit, place)["seen"])
        status = 502 if place.state == "failed" else 503
        return self._page(visit, scope, self._lines(places, visit, place), _words(visit, place), status, seen)

    def unanswered(self, places: Places, visit: Visit, place: Place, scope: Scope, error: Exception) -> Response:
        """The app runs, as far as is known, and gave no answer, or none that can be passed on; or it could not be asked."""
        if isinstance(error, Refused):
            return self.refused(scope, str(error))
        words = Words("The app gave no answer", f"It was asked, and {error}.", "✕", "failed")
        if isinstance(error, Late):
            seconds = self._host.config.previews.answer_seconds
            text = f"An app has {seconds:g} seconds to begin its answer. Ask it again, or look at what it does so long."
            words = Words("The app did not answer in time", text, "✕", "failed")
        lines = self._lines(places, visit, place)
        return self._page(visit, scope, lines, words, 504 if isinstance(error, Late) else 502, "")

    def refused(self, scope: Scope, text: str) -> Response:
        # What comes behind a request that can be read in two ways may be a part of it (RFC 9112, section 6.3).
        title = "This request cannot be passed on"
        headers = {"connection": "close"} if scope["http_version"] == "1.1" else {}
        return notices.living(scope["method"], 400, title, f"<p>{escape(text)}</p>", {}, headers, notices.Life())

    async def state(self, places: Places, visit: Visit, place: Place, request: Request) -> Response:
        """`?seen=…`: what has changed since then, as soon as something has; how a page of ours keeps up."""
        if request.method != "GET":
            return PlainTextResponse("Use GET.\n", 405, {"allow": "GET"} | _SECRET)
        loop = asyncio.get_running_loop()
        until, seen = loop.time() + POLL_SECONDS, request.query_params.get("seen", "")
        waking = asyncio.ensure_future(places.awake(place, POLL_SECONDS))
        self._polls += 1
        try:
            while True:
                now = self._now(places, visit, place)
                if now["seen"] != seen or loop.time() > until or self.closing or self._polls > POLLS:
                    return JSONResponse(now, headers=_SECRET)
                if not waking.done():
                    await asyncio.wait((waking,), timeout=LOOK_SECONDS)
                else:
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._polls -= 1
            waking.cancel()

    def _now(self, places: Places, visit: Visit, place: Place) -> dict[str, object]:
        words = _words(visit, place)
        lines = self._lines(places, visit, place)
        over = place.upstream is not None
        seen = hashlib.sha256(
            "\0".join((place.state, words.text, str(over), *lines)).encode("utf-8", "replace")
        ).hexdigest()
        return {
            "seen": seen[:16],
            "state": place.state,
            "ready": over,
            "title": words.title,
            "text": words.text,
            "mark": words.mark,
            "kind": words.kind,
            "lines": lines,
        }

    def _lines(self, places: Places, visit: Visit, place: Place) -> list[str]:
        if not visit.sees_log:
            return []
        key = (place.repo_id, place.branch, place.deployment_id)
        lines = self._tails.get(key)
        if lines is None:
            lines = self._tails.put(key, [_plain(line) for line in places.tail(place, LINES)[-LINES:]])
        return lines

    def _page(self, visit: Visit, scope: Scope, lines: Sequence[str], words: Words, status: int, seen: str) -> Response:
        """Without `seen`, it does not turn into anything by itself."""
        headers = {"cache-control": "no-store"} | ({"retry-after": "2"} if status == 503 and words.mark != "■" else {})
        if not is_navigation(scope) and scope["method"] != "HEAD":
            plain = "\n".join((f"{words.title}. {words.text}", *(f"    {line}" for line in lines), ""))
            return PlainTextResponse(plain.encode("utf-8", "replace").decode(), status, _SECRET | headers)
        # Whoever does not know the repository is told no more of it than the address says.
        name = visit.repo.full_name if visit.sees_log else ""
        what = f"<code>{escape(visit.branch)}</code> of {escape(name)}" if name else ""
        body = (
            f'<p id="text" role="status">{escape(words.text)}</p><p id="state" class="{words.kind}" data-seen="{seen}">'
            f'<span id="mark" aria-hidden="true">{words.mark}</span><span>{what}</span><time id="time"></time></p>'
            f'<pre id="log" tabindex="0" aria-label="The last lines of its log"{"" if lines else " hidden"}>'
            f"{escape(chr(10).join(lines))}</pre>"
        )
        links = {f"Open {name}": f"{self._host.config.base_url}/{name}/branches"} if name else {}
        life = LIFE if seen else STILL
        return notices.living(scope["method"], status, words.title, body, links, headers, life)


def _words(visit: Visit, place: Place) -> Words:
    words = _WORDS.get(place.state, _WORDS["starting"])
    says_why = place.state == "failed" and place.problem and visit.sees_log
    return replace(words, text=place.problem) if says_why else words


def _plain(line: str) -> str:
    return _ESCAPES.sub("", line.expandtabs(4)).rstrip()[:LINE]


def is_navigation(scope: Scope) -> bool:
    """Whether a person is opening a page: a script, `curl` and a form wait for the app instead."""
    if scope["method"] != "GET":
        return False
    accept = mode = b""
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = value
        elif name == b"sec-fetch-mode":
            mode = value
    return b"text/html" in accept and mode in (b"", b"navigate")
