"""The plugin: every event passes through the hub; every page has its socket."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gitperch.errors import AppError, BadRequest, Forbidden
from gitperch.events import Event
from gitperch.plugin import Mode, Plugin
from gitperch_live.hub import Hub
from gitperch_live.socket import Named, Socket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from gitperch.host import Host
    from gitperch.repositories import Repository

SEVERAL = 50  # repositories of one socket
_LARGEST_ID = (1 << 63) - 1  # SQLite's


class LivePlugin(Plugin):
    """`/api/repos/{owner}/{name}/live?after=ID`: a WebSocket that tells what happens in a repository.

    The first message is `{"type": "hello", "id": …}` with the newest event's id. Then every live event as
    `{"id": …, "type": its kind, …its fields}`; with `after`, first those that came after that id. `{"type": "resync", "id": …}`
    means that some cannot be told any more: ask for what you show once again, and go on from that id. In silence there is a
    `{"type": "beat", "id": …}` every half minute.

    `/api/live?repository=OWNER/NAME&repository=…&after=ID` is the same for several: events have a field `repository`, too. Those that
    may not be read, or are not there, are left out; when one may not be read any more the socket is closed, to be opened anew.
    """

    name = "live"
    listens: ClassVar[Mapping[type[Event], Mode]] = {Event: Mode.EPHEMERAL}

    def __init__(self) -> None:
        self.hub = Hub()

    async def start(self, host: Host) -> None:
        self._host = host

    async def closing(self) -> None:
        self.hub.close()

    async def handle(self, event: Event) -> None:
        self.hub.publish(event)

    def routes(self) -> Sequence[BaseRoute]:
        return [
            WebSocketRoute("/api/repos/{owner}/{name}/live", self._live, name="live"),
            WebSocketRoute("/api/live", self._live, name="live-several"),
        ]

    async def _live(self, websocket: WebSocket) -> None:
        host = self._host
        try:
            origin = websocket.headers.get("origin")
            if origin is not None and not host.sessions.is_own_origin(origin, websocket):
                raise Forbidden("A page of another site may not listen here.")
            after = _event_id(websocket.query_params.get("after"))
            several = "owner" not in websocket.path_params
            repos = await (self._several(websocket) if several else self._one(websocket))
            with contextlib.ExitStack() as inside:
                inside.enter_context(self.hub.place(websocket.client.host if websocket.client else "unknown"))
                socket = Socket(websocket, host, {repo.id: repo.full_name if several else "" for repo in repos})
                for repo in repos:
                    listener = Named(socket, repo.full_name) if several else socket
                    inside.enter_context(self.hub.listening(repo.id, listener))
                await socket.serve(after)
        except AppError as error:
            await _deny(websocket, error)
        except WebSocketDisconnect:
            return

    async def _one(self, websocket: WebSocket) -> list[Repository]:
        viewer, names = await self._host.access.viewer(websocket), websocket.path_params
        return [await self._host.access.repository(viewer, names["owner"], names["name"])]

    async def _several(self, websocket: WebSocket) -> list[Repository]:
        names = dict.fromkeys(websocket.query_params.getlist("repository"))
        if not 0 < len(names) <= SEVERAL:
            raise BadRequest(f"repository has to be given once to {SEVERAL} times, as OWNER/NAME.", field="repository")
        viewer, found = await self._host.access.viewer(websocket), {}
        for full_name in names:
            owner, _, name = full_name.partition("/")
            with contextlib.suppress(AppError):
                repo = await self._host.access.repository(viewer, owner, name)
                found[repo.id] = repo
        return list(found.values())


async def _deny(websocket: WebSocket, error: AppError) -> None:
    """Refuse the handshake with the status a request would get, so that private and missing look alike here too."""
    headers = {"cache-control": "no-store"}
    if error.status == 401:
        headers["www-authenticate"] = 'Basic realm="Gitperch", charset="UTF-8"'
    body = {"error": error.code, "message": error.message}
    await websocket.send_denial_response(JSONResponse(body, error.status, headers))


def _event_id(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST_ID:
        raise BadRequest("after has to be the id of an event, a whole number.", field="after")
    return int(text)
