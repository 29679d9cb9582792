"""Where containers clone from: a door for each site's network that leads to upload-pack of that one repository, and nowhere else.

The server itself listens where people reach it, often on loopback alone, which a container cannot reach and should not. What comes
through here says nothing of its own about who it is: forwarded headers are left out, credentials are passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import h11

from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch.host import Host

log = logging.getLogger("gitperch.preview.docker")

_PASSED = {
    b"authorization",
    b"git-protocol",
    b"content-type",
    b"content-encoding",
    b"content-length",
    b"transfer-encoding",
    b"accept",
    b"accept-encoding",
    b"range",
    b"user-agent",
}
_TARGET = re.compile(
    rb"/([^/?]+/[^/?]+?)\.git/"
    rb"(?:info/refs\?service=git-upload-pack|git-upload-pack|info/lfs/objects/batch|info/lfs/objects/[0-9a-f]{64})"
)
_READ = 64 << 10
_HEAD_LIMIT = 16 << 10
_OPEN = 16  # connections at once to one site's door
_STALL_SECONDS = 120.0
_BIND_SECONDS = 5.0


class Doors:
    """All doors have the same port, which the firewall lets containers use; it is kept in `folder` for the next start."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host = host
        self._file = folder / "door"
        self._doors: dict[str, tuple[int, asyncio.Server]] = {}
        self._opening = asyncio.Lock()
        self.port = self._kept()

    def _kept(self) -> int:
        text = self._file.read_text("ascii") if self._file.exists() else ""
        return int(text) if text.isdecimal() else 0

    async def open(self, repo_id: int, address: str) -> int:
        """Open at `address`, this machine's own in the site's network; the port. Raises RunnerError."""
        async with self._opening:
            kept = self._doors.get(address)
            if kept and kept[0] == repo_id:
                return self.port
            if kept:
                kept[1].close()
            self._doors[address] = (repo_id, await self._listen(repo_id, address))
            return self.port

    async def _listen(self, repo_id: int, address: str) -> asyncio.Server:
        room = asyncio.Semaphore(_OPEN)

        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                async with room:
                    await self._visit(repo_id, f"{address}:{self.port}", reader, writer)
            except (OSError, EOFError, TimeoutError, h11.ProtocolError) as error:
                log.debug("a clone of a container ended: %s", error)
            finally:
                writer.close()

        loop = asyncio.get_running_loop()
        until = loop.time() + _BIND_SECONDS
        while True:
            try:
                server = await asyncio.start_server(visit, address, self.port, limit=_READ)
                break
            except OSError as error:
                # An interface that was made a moment ago may not have its address yet; a port may be another's by now.
                if loop.time() > until:
                    raise RunnerError(
                        f"Containers have nowhere to clone from: {address} cannot be listened on ({error.strerror})."
                    ) from None
                if self.port and not self._doors:
                    self.port = 0
                await asyncio.sleep(0.05)
        port: int = server.sockets[0].getsockname()[1]
        if port != self.port:
            self.port = port
            self._file.write_text(str(port), "ascii")
        return server

    async def _visit(self, repo_id: int, here: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer; git opens another connection for the next. `here` is the door's own address."""
        guest = _Side(h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT), reader, writer)
        request = await guest.next()
        if not isinstance(request, h11.Request):
            return
        repo = await self._host.repositories.by_id(repo_id)
        target = _TARGET.fullmatch(request.target)
        if not repo or not target or target[1].decode("utf-8", "replace").lower() != repo.full_name.lower():
            await guest.refuse(404, "Only this site's own repository can be cloned here.")
        elif not await self._is_lent(repo_id, request):
            await guest.refuse(401, "This is not the token of this preview, or it is over.")
        else:
            await self._through(guest, request, here)

    async def _is_lent(self, repo_id: int, request: h11.Request) -> bool:
        """Whether the token that is shown, if there is one, was lent for this repository.

        A wrong one goes no further: the server counts those by address, and what comes from here has the address of this machine.
        """
        for name, value in request.headers:
            scheme, _, rest = value.decode("latin-1").partition(" ")
            if name == b"authorization" and scheme.lower() in ("basic", "bearer", "token"):
                try:
                    secret = b64decode(rest).decode("latin-1").partition(":")[2] if scheme.lower() == "basic" else rest
                except ValueError:
                    return False
                grant = await self._host.tokens.check(secret.strip())
                return grant is not None and grant.user_id is None and grant.repo_id == repo_id
        return True

    async def _through(self, guest: _Side, request: h11.Request, here: str) -> None:
        address, port = self._host.config.listen_address
        inside = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104 -- where we listen
        async with asyncio.timeout(_STALL_SECONDS):
            opened = await asyncio.open_connection(inside, port, limit=_READ)
        house = _Side(h11.Connection(h11.CLIENT), *opened)
        try:
            # By the door's own name, so that addresses in an answer, of large files, lead through it again.
            headers = [(b"host", here.encode()), (b"connection", b"close")]
            headers += [(name, value) for name, value in request.headers if name in _PASSED]
            await house.send(h11.Request(method=request.method, target=request.target, headers=headers))
            async with asyncio.TaskGroup() as both:
                asking = both.create_task(_pass_on(guest, house))
                await _answer(house, guest)
                asking.cancel()
        except* (OSError, EOFError, TimeoutError, h11.ProtocolError) as errors:
            log.debug("a clone of a container ended: %s", errors.exceptions[0])
        finally:
            house.close()

    async def close(self) -> None:
        for _, server in self._doors.values():
            server.close()
        self._doors.clear()

    def shut(self, repo_id: int | None) -> None:
        """The network of this repository is gone."""
        for address, (owner, server) in list(self._doors.items()):
            if owner == repo_id:
                server.close()
                del self._doors[address]


class _Side:
    """One of the two connections: events of HTTP in, events out."""

    def __init__(self, http: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._http = http
        self._reader = reader
        self._writer = writer

    async def next(self) -> Any:
        """The next event of the other end. Raises EOFError, TimeoutError after a stall, and h11's errors."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(_STALL_SECONDS):
                self._http.receive_data(await self._reader.read(_READ))
        if isinstance(event, h11.ConnectionClosed):
            raise EOFError
        return event

    async def send(self, event: Any) -> None:
        self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(_STALL_SECONDS):
            await self._writer.drain()

    async def refuse(self, status: int, words: str) -> None:
        body = f"{words}\n".encode()
        headers = [("content-length", str(len(body))), ("content-type", "text/plain"), ("connection", "close")]
        headers += [("www-authenticate", 'Basic realm="Gitperch"')] if status == 401 else []
        await self.send(h11.Response(status_code=status, headers=headers))
        await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()


async def _pass_on(guest: _Side, house: _Side) -> None:
    """The body of the request."""
    while isinstance(event := await guest.next(), h11.Data):
        await house.send(h11.Data(data=bytes(event.data)))
    await house.send(h11.EndOfMessage())


async def _answer(house: _Side, guest: _Side) -> None:
    event = await house.next()
    while isinstance(event, h11.InformationalResponse):
        event = await house.next()
    headers = [(name, value) for name, value in event.headers if name not in (b"connection", b"keep-alive")]
    await guest.send(h11.Response(status_code=event.status_code, headers=[*headers, (b"connection", b"close")]))
    while isinstance(event := await house.next(), h11.Data):
        await guest.send(h11.Data(data=bytes(event.data)))
    await guest.send(h11.EndOfMessage())
