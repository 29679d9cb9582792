"""An SSH session as the row of requests that it would be over HTTP, so that one transport, with all it remembers, serves both."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest
from gitperch.transport.body import ClientGone
from gitperch.transport.door import COMPLAIN, VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope

    from gitperch.accounts.access import Viewer
    from gitperch.ssh.commands import Command
    from gitperch.ssh.session import Session

_FLUSH = b"0000"


class Rounds:
    """`git` is the transport; `stall_seconds` is how long it waits for a client, which may take longer here: SSH asks it itself."""

    def __init__(
        self,
        git: ASGIApp,
        command: Command,
        viewer: Viewer,
        client: str,
        protocol: str,
        session: Session,
        complain: Callable[[str], None],
        stall_seconds: float,
    ) -> None:
        self._git = git
        self._command = command
        self._session = session
        self._tick = stall_seconds / 2
        self._scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "root_path": "",
            "query_string": b"service=" + command.service.encode("ascii"),
            "headers": [
                (b"content-type", f"application/x-{command.service}-request".encode("ascii")),
                (b"git-protocol", protocol.encode("ascii")),
            ],
            "client": (client, 0),
            VIEWER: viewer,
            COMPLAIN: complain,
        }
        self._ahead = b""  # what has come, and belongs to no request yet
        self._first = False  # whether what is sent next is the beginning of an advertisement
        self._whole = False  # whether all of the present request has come
        self._last = b""  # the end of what was sent

    async def push(self) -> int:
        """A push's two requests; its exit status. Raises AppError, ClientGone.

        Nothing waits while the client thinks between them, and nothing is made for one that has nothing to push.
        """
        await self._advertise()
        if await self._more():
            await self._ask("POST", self._command.service, self._receive_all)
        return 0

    async def fetches(self) -> int:
        """Every command of protocol v2 that the client has, each of them a request (gitprotocol-v2(5)); the exit status.

        Raises AppError, ClientGone.
        """
        await self._advertise()
        while await self._more():
            await self._ask("POST", self._command.service, self._receive_one)
            if self._last != _FLUSH:
                return 128  # git died, or said why not: it goes no further
        return 0

    async def _advertise(self) -> None:
        self._first = True
        await self._ask("GET", "info/refs", self._receive_all)

    async def _ask(self, method: str, name: str, receive: Receive) -> None:
        path = f"/{self._command.owner}/{self._command.name}.git/{name}"
        self._last, self._whole = b"", False
        await self._git({**self._scope, "method": method, "path": path}, receive, self._send)

    async def _send(self, message: Message) -> None:
        data = message.get("body", b"")
        if not data:
            return
        if self._first:  # what HTTP alone has before the refs
            header = f"# service={self._command.service}\n"
            data = data.removeprefix(f"{len(header) + 4:04x}{header}0000".encode("ascii"))
            self._first = False
        self._last = (self._last + data[-4:])[-4:]
        await self._session.write(data)

    async def _more(self) -> bool:
        """Whether the client sends anything but its end, or the flush packet that says the same. Raises ClientGone."""
        while len(self._ahead) < len(_FLUSH) and (data := await self._session.read()):
            self._ahead += data
        return bool(self._ahead) and not self._ahead.startswith(_FLUSH)

    async def _receive_all(self) -> Message:
        """All that the client sends, as one request's body. One that breaks off ends: git knows whether it has all of it.

        Then no more until the client leaves.
        """
        if self._whole:
            try:
                await self._session.gone()
            except ClientGone:
                return {"type": "http.disconnect"}
        data, self._ahead = self._ahead, b""
        if not data:
            try:
                async with asyncio.timeout(self._tick):
                    data = await self._session.read()
            except TimeoutError:
                return {"type": "http.request", "body": b"", "more_body": True}
            except ClientGone:
                data = b""
        self._whole = not data
        return {"type": "http.request", "body": data, "more_body": bool(data)}

    async def _receive_one(self) -> Message:
        """The client's next command as a request's body: up to its flush packet, and then no more until the client leaves."""
        try:
            if self._whole:
                await self._session.gone()
            at, self._whole = _packets(self._ahead)
            if not at:
                async with asyncio.timeout(self._tick):
                    data = await self._session.read()
                if not data:
                    return {"type": "http.disconnect"}
                self._ahead += data
                at, self._whole = _packets(self._ahead)
        except TimeoutError:
            at = 0
        except ClientGone:
            return {"type": "http.disconnect"}
        data, self._ahead = self._ahead[:at], self._ahead[at:]
        return {"type": "http.request", "body": data, "more_body": not self._whole}


def _packets(data: bytes) -> tuple[int, bool]:
    """Where the whole packets in `data` end, and whether that is after a flush packet. Raises BadRequest for what is no packet."""
    at = 0
    while len(data) - at >= len(_FLUSH):
        try:
            size = int(data[at : at + 4], 16)
        except ValueError:
            raise BadRequest(
                "What came is not git's protocol: a packet begins with its length in four digits."
            ) from None
        if not size:
            return at + 4, True
        if at + max(size, 4) > len(data):
            break
        at += max(size, 4)
    return at, False
