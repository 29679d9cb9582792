"""A branch with an app: its requests are passed on, and whoever comes while it does not run is told, or waits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse

from gitperch_preview.doorkeeper import is_open
from gitperch_preview.gateway import headers
from gitperch_preview.gateway.connections import OPEN, Closed, Late, Pools, Unreachable
from gitperch_preview.gateway.exchange import Exchange
from gitperch_preview.gateway.heads import BadAnswer
from gitperch_preview.gateway.pages import STATE, Pages, is_navigation
from gitperch_preview.gateway.turns import Turns, visitor_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.contract import Place, Places, Upstream

WAIT_SECONDS = 30.0  # what is no page waits so long for a sleeping app
PAGE_SECONDS = 0.1  # a page is shown at once; an app that is there in a blink needs none
WAITING = 200  # requests at once, for all apps
RELAYED = 64  # WebSockets at once whose messages pass through this server's memory, for all apps
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is let in. `place`: the branch's app, if it has one. `sees_log`: may read the repository, and so what its app says.

    `still` says, later, whether he would be let in then.
    """

    repo: Repository
    branch: str
    place: Place | None
    sees_log: bool
    still: Callable[[], Awaitable[bool]]

    @property
    def is_private(self) -> bool:
        return not is_open(self.repo)


class Apps:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._pools = Pools()
        self._seconds = host.config.previews.answer_seconds
        self._exchange = Exchange(self._pools, self._seconds)
        self._pages = Pages(host)
        self._open = Turns(OPEN, "This preview is answering too many requests at this moment. Try again shortly.")
        self._waiting = Turns(WAITING, "Too many requests wait for previews to wake up. Try again in a moment.")
        self._relayed = Turns(RELAYED, "Too many WebSockets are open that share a connection. Try again shortly.")

    def close(self) -> None:
        self._pages.closing = True
        self._pools.close()

    async def serve(self, places: Places, visit: Visit, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """None: the app has answered. Raises Busy."""
        place = visit.place
        assert place  # noqa: S101 -- the gateway asks for branches with an app
        if scope["path"] == STATE and scope["type"] == "http":
            return await self._pages.state(places, visit, place, Request(scope, receive))
        with self._open.turn(visitor_of(scope), (place.repo_id, place.branch)):
            place.open += 1
            place.visited_at = time.time()
            try:
                return await self._serve(places, visit, place, scope, receive, send)
            finally:
                place.open -= 1
                place.visited_at = time.time()

    async def _serve(
        self, places: Places, visit: Visit, place: Place, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        try:
            request = await headers.request(scope, self._is_person)
        except headers.Refused as error:
            return self._pages.refused(scope, str(error))
        if visit.is_private and not _from_own_page(scope, request.host):
            return PlainTextResponse("This preview takes such requests from its own pages only.\n", 403)
        for _ in range(2):
            upstream = place.upstream or await self._woken(places, place, scope)
            if not upstream:
                return self._pages.absent(places, visit, place, scope)
            try:
                await self._pass_on(upstream, request, visit, scope, receive, send)
            except Unreachable:
                # Nothing was sent, and nothing of the body was taken: whoever looks after the app says how it goes on.
                await places.unreachable(place, upstream)
                if place.upstream == upstream:
                    break
            except (Closed, Late, BadAnswer, headers.Refused) as error:
                return self._pages.unanswered(places, visit, place, scope, error)
            else:
                return None
        return self._pages.unanswered(places, visit, place, scope, Unreachable())

    async def _pass_on(
        self, upstream: Upstream, request: headers.Request, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "websocket":
            from gitperch_preview.gateway import sockets  # late: few need it

            with self._relayed.turn(visitor_of(scope)):
                await sockets.relay(upstream, request, scope, receive, send, self._seconds, visit.still)
        elif tunnel := scope["extensions"].get("gitperch.tunnel"):
            await self._exchange.tunnel(upstream, request, tunnel, send, visit.still, private=visit.is_private)
        else:
            await self._exchange.run(upstream, request, receive, send, visit.still, private=visit.is_private)

    async def _woken(self, places: Places, place: Place, scope: Scope) -> Upstream | None:
        # Also where the newest commit failed: an earlier one may be asleep. What nothing can wake is said at once.
        if is_navigation(scope):
            return await places.awake(place, PAGE_SECONDS)
        with self._waiting.turn(visitor_of(scope)):
            return await places.awake(place, WAIT_SECONDS)

    async def _is_person(self, name: str) -> bool:
        return await self._host.people.find(name) is not None


def _from_own_page(scope: Scope, host: bytes) -> bool:
    """Whether a request that can change something, or a WebSocket, is not from a page of another origin.

    Previews are of the same site in a browser's eyes, and so send each other's cookies along.
    """
    if scope["method"] in _SAFE and scope["type"] == "http" and "gitperch.tunnel" not in scope["extensions"]:
        return True
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    return all(value.partition(b"://")[2].lower() == host.lower() for value in origins)
