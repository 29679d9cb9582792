"""One open socket: what it missed, what happens now, and when it has to go."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, NoReturn

from starlette.websockets import WebSocketDisconnect, WebSocketState

from gitperch.errors import AppError
from gitperch_live.hub import letter_of, live_kinds
from gitperch_live.mailbox import Letter, Mailbox, letter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.websockets import WebSocket

    from gitperch.host import Host

# Close codes (RFC 6455, section 7.4.1, and its registry).
POLICY = 1008
RESTART = 1012
LATER = 1013

REPLAY = 200
ASK_SECONDS = 60.0
BEAT_SECONDS = 30.0
SEND_SECONDS = 20.0
CLOSE_SECONDS = 2.0
HEARD_LENGTH = 1024
HEARD_SECONDS = 2.0  # a client has nothing to say; one message in so long is let pass
HEARD_BURST = 20.0
PATIENCE = 100  # messages that are taken at once after the end


class Ending(Exception):
    """The socket has to close, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Named:
    """A socket as the hub sees it in one of several repositories."""

    def __init__(self, socket: Socket, repository: str) -> None:
        self._repository = repository
        self.doubt = socket.doubt
        self.leave = socket.leave
        self._offer = socket.offer

    def offer(self, item: Letter) -> None:
        self._offer(item.of(self._repository))


class Socket:
    """Serves one client until it goes, may no longer read, takes nothing for `SEND_SECONDS`, or the server stops."""

    def __init__(self, websocket: WebSocket, host: Host, repos: Mapping[int, str]) -> None:
        """`repos`: what their events are to say of where they are from, by id; "" where there is but one."""
        self._websocket = websocket
        self._host = host
        self._repos = repos
        self._mailbox = Mailbox()
        self._doubtful = False
        self._leaving = False
        self._asked_at = time.monotonic()

    def offer(self, item: Letter) -> None:
        self._mailbox.put(item)

    def doubt(self) -> None:
        self._doubtful = True
        self._mailbox.stir()

    def leave(self) -> None:
        self._leaving = True
        self._mailbox.stir()

    async def serve(self, after: int | None) -> None:
        """Accept and serve. The hub offers events already, so that none falls between the past and the present."""
        await self._websocket.accept()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._tell(after))
                await self._hear()
        except* Ending as endings:
            ending = endings.exceptions[0]
            assert isinstance(ending, Ending)  # noqa: S101 -- the group holds nothing else
            await self._close(ending)
        except* (WebSocketDisconnect, OSError):
            pass

    async def _tell(self, after: int | None) -> None:
        hello = letter(await self._last_id(), "hello")
        await self._send(hello)
        told = await self._replay(after) if after is not None else {}
        caught_up = max(told, default=0)
        newest = max(caught_up, hello.id)
        while True:
            item = await self._mailbox.get(BEAT_SECONDS)
            await self._make_sure()
            if not item:
                # Scripts cannot see a ping (RFC 6455, 5.5.2); by this a page knows that it is not listening to nobody.
                await self._send(letter(newest, "beat"))
            # What was both recorded before the replay and offered since is word for word the same.
            elif not (item.id <= caught_up and told.get(item.id) == item.text):
                await self._send(item)
                newest = max(newest, item.id)

    async def _replay(self, after: int) -> dict[int, str]:
        """Send what was missed since `after`; the texts by their ids."""
        missed: list[Letter] = []
        for repo_id, name in self._repos.items():
            events = await self._host.events.since(repo_id, after, live_kinds(), REPLAY)
            if events is None or len(missed) + len(events) > REPLAY:
                await self._send(letter(await self._last_id(), "resync"))
                return {}
            missed += (letter_of(event).of(name) if name else letter_of(event) for event in events)
        for item in sorted(missed, key=lambda item: item.id):
            await self._send(item)
        return {item.id: item.text for item in missed}

    async def _last_id(self) -> int:
        return max([await self._host.events.last_id(repo_id) for repo_id in self._repos], default=0)

    async def _make_sure(self) -> None:
        """Raises Ending when the server stops, or the client may no longer read the repository.

        Asked when something about the repository has changed, and every minute: sessions and tokens end too.
        """
        if self._leaving:
            raise Ending(RESTART, "the server stops")
        if not self._doubtful and time.monotonic() < self._asked_at + ASK_SECONDS:
            return
        self._doubtful = False
        self._asked_at = time.monotonic()
        if not await self._may_read():
            # One of several: the others go on with a new socket, which is not given it.
            raise Ending(*((RESTART, "other repositories") if any(self._repos.values()) else (POLICY, "no access")))

    async def _may_read(self) -> bool:
        try:
            viewer = await self._host.access.viewer(self._websocket)
        except AppError:
            return False
        for repo_id in self._repos:
            repo = await self._host.repositories.by_id(repo_id)
            if not repo or not await self._host.access.may(viewer, repo, "read"):
                return False
        return True

    async def _send(self, item: Letter) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._websocket.send_text(item.text)
        except TimeoutError:
            raise Ending(LATER, "too slow") from None

    async def _hear(self) -> NoReturn:
        """Take what the client sends and make nothing of it; raises Ending for too much, WebSocketDisconnect at its end."""
        tokens, heard_at = HEARD_BURST, time.monotonic()
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            now = time.monotonic()
            tokens, heard_at = min(HEARD_BURST, tokens + (now - heard_at) / HEARD_SECONDS) - 1, now
            if tokens < 0 or len(message.get("text") or message.get("bytes") or "") > HEARD_LENGTH:
                raise Ending(POLICY, "nothing to say here")

    async def _close(self, ending: Ending) -> None:
        # Gone already, or taking nothing: then there is nobody to tell.
        with contextlib.suppress(TimeoutError, OSError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._websocket.close(ending.code, ending.reason)
        await self._drain()

    async def _drain(self) -> None:
        """Take what still comes, soon very slowly, until the client is gone; it keeps its place among the open sockets so long.

        A web server that cannot hand over a message stops reading and never sees the client's end.
        """
        taken = 0
        while self._websocket.client_state is WebSocketState.CONNECTED:
            await self._websocket.receive()
            taken += 1
            if taken > PATIENCE:
                await asyncio.sleep(HEARD_SECONDS)
