"""The plugin: every event passes through the hub; every page has its socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from gitperch.errors import AppError, BadRequest, Forbidden
from gitperch.events import Event
from gitperch.plugin import Mode, Plugin
from gitperch_live.hub import Hub
from gitperch_live.socket import Socket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.routing import BaseRoute

    from gitperch.host import Host

_LARGEST_ID = (1 << 63) - 1  # SQLite's


class LivePlugin(Plugin):
    """`/api/repos/{owner}/{name}/live?after=ID`: a WebSocket that tells what happens in a repository.

    The first message is `{"type": "hello", "id": …}` with the newest event's id. Then every live event as
    `{"id": …, "type": its kind, …its fields}`; with `after`, first those that came after that id. `{"type": "resync", "id": …}`
    means that some cannot be told any more: ask for what you show once again, and go on from that id. In silence there is a
    `{"type": "beat", "id": …}` every half minute.
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
        return [WebSocketRoute("/api/repos/{owner}/{name}/live", self._live, name="live")]

    async def _live(self, websocket: WebSocket) -> None:
        host = self._host
        try:
            origin = websocket.headers.get("origin")
            if origin is not None and not host.sessions.is_own_origin(origin, websocket):
                raise Forbidden("A page of another site may not listen here.")
            after = _event_id(websocket.query_params.get("after"))
            viewer = await host.access.viewer(websocket)
            owner, name = websocket.path_params["owner"], websocket.path_params["name"]
            repo = await host.access.repository(viewer, owner, name)
            with self.hub.place(websocket.client.host if websocket.client else "unknown"):
                socket = Socket(websocket, host, repo.id)
                with self.hub.listening(repo.id, socket):
                    await socket.serve(after)
        except AppError as error:
            await _deny(websocket, error)
        except WebSocketDisconnect:
            return


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
