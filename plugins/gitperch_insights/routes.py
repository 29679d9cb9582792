"""Insights over HTTP: the figures as JSON, and the page that draws them."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from gitperch.errors import AppError, BadRequest
from gitperch.pages.repository import open_repository
from gitperch.routing import Route
from gitperch_insights.periods import date_of, today
from gitperch_insights.ranges import Range
from gitperch_insights.service import Counting

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.host import Host
    from gitperch_insights.service import Answer, Insights

PATIENCE = 1.0
"""Seconds that an answer of the API waits for what was pushed a moment ago."""

PAGE_PATIENCE = 0.4
MONTHS = (12, 6, 3)
_NO_TIP = "The default branch has no commits yet. The settings say which branch that is."


class InsightsRoutes:
    def __init__(self, host: Host, insights: Insights) -> None:
        self._host = host
        self._insights = insights

    def routes(self) -> list[Route]:
        return [
            Route("/api/repos/{owner}/{name}/graph/analytics", self.figures, name="insights-figures"),
            Route("/{owner}/{name}/insights", self.page, name="insights-page"),
        ]

    async def figures(self, request: Request) -> Response:
        """`?after=DAY&before=DAY` or `?months=N`: the figures of these days, all without."""
        viewer = await self._host.access.viewer(request)
        repo = await self._host.access.repository(viewer, request.path_params["owner"], request.path_params["name"])
        asked = Range.of(request.query_params, today())
        try:
            answer = await self._insights.answer(repo, asked, PATIENCE)
        except Counting as counting:
            return JSONResponse(_progress(counting), 202, {"cache-control": "no-store", "retry-after": "1"})
        return _sent(request, answer)

    async def page(self, request: Request) -> Response:
        page = await open_repository(request)
        figures, progress, problem, status = None, None, "", 200
        try:
            asked = Range.of(request.query_params, today())
            answer = await self._insights.answer(page.repository, asked, PAGE_PATIENCE)
            figures = json.loads(answer.body)
        except Counting as counting:
            progress = _progress(counting)
        except AppError as error:
            if not isinstance(error, BadRequest) and error.status < 500:
                raise
            problem, status = error.message, error.status
        query = {name: request.query_params.get(name, "") for name in ("after", "before", "months")}
        return page.response(
            "insights.html",
            "insights",
            status,
            figures=figures,
            words=_words(figures) if figures else "",
            progress=progress,
            problem=problem,
            ranges=[(months, f"{months} months") for months in MONTHS],
            query=query,
            today=date_of(today()).isoformat(),
        )


def _words(figures: dict[str, Any]) -> str:
    """Which days the figures are about, as the page's script says it."""
    if not figures["tip"]:
        return _NO_TIP
    if not figures["first"]:
        return "Nobody committed anything in these days."
    first, last = (date.fromisoformat(figures[name]) for name in ("first", "last"))
    days = "1 day" if figures["active_days"] == 1 else f"{figures['active_days']:,} days"
    branch = figures["head"].removeprefix("refs/heads/")
    return f"{_day(first)} to {_day(last)} on {branch}, with commits on {days}."


def _day(when: date) -> str:
    """As browsers write it in British English."""
    return f"{when.day} {when:%b %Y}".replace("Sep ", "Sept ")


def _progress(counting: Counting) -> dict[str, Any]:
    done, total = counting.done, counting.total
    return {"building": True, "progress": round(done / total, 4) if total else 0.0, "commits": done, "total": total}


def _sent(request: Request, answer: Answer) -> Response:
    headers = {
        "etag": answer.tag,
        "cache-control": "private, no-cache",
        "vary": "accept-encoding, authorization, cookie",
    }
    given = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
    if "*" in given or answer.tag in given or answer.tag.removeprefix("W/") in given:
        return Response(status_code=304, headers=headers)
    body = answer.body
    if answer.packed and "gzip" in request.headers.get("accept-encoding", ""):
        body = answer.packed
        headers["content-encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
