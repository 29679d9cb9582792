"""What the server has been doing, in numbers, for an administrator's monitoring (Prometheus' text format, version 0.0.4)."""

from __future__ import annotations

import dataclasses
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from gitperch.errors import Forbidden, Unauthorized
from gitperch.host import host_of
from gitperch.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.transport import SmartHTTP

_GAUGES = frozenset(("bytes_on_disk", "bytes_in_memory"))


def metrics_route(git: SmartHTTP) -> Route:
    """`GET /metrics`, for administrators; with a token, it has to be one that may do everything."""

    async def show(request: Request) -> PlainTextResponse:
        host = host_of(request)
        viewer = await host.access.viewer(request)
        if not viewer.user:
            raise Unauthorized("Sign in as an administrator to see the server's numbers.")
        if not viewer.user.is_admin or viewer.rank < 3 or viewer.repo_id is not None:
            raise Forbidden("The server's numbers are for administrators.")
        places = (host.git.children, host.git.receivers)
        lines = [
            _line("process_resident_memory_bytes", "gauge", _resident()),
            _line("process_open_fds", "gauge", _descriptors()),
            _line("gitperch_git_places_taken", "gauge", sum(each.taken for each in places)),
            _line("gitperch_git_places_awaited", "gauge", sum(each.awaited for each in places)),
        ]
        for name, value in dataclasses.asdict(git.counters).items():
            gauge = name in _GAUGES
            lines.append(
                _line(f"gitperch_clones_{name}{'' if gauge else '_total'}", "gauge" if gauge else "counter", value)
            )
        return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")

    return Route("/metrics", show)


def _line(name: str, kind: str, value: int) -> str:
    return f"# TYPE {name} {kind}\n{name} {value}\n"


def _resident() -> int:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * resource.getpagesize()
    except OSError:  # another system: the most there has been
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208 -- names are all it takes
