"""The Docker Engine's API over its socket: as much of HTTP as that needs.

aiodocker was weighed: it brings aiohttp and seven more packages, and its import takes 12 MB of memory that a server with sleeping
previews would never give back (64 MB is all that one may have). h11 is here already, for hypercorn.
API: https://docs.docker.com/engine/api/v1.41/
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import h11

from gitperch_preview.contract import RunnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

OLDEST = (1, 41)  # 20.10, of Debian 12
PING_SECONDS = 5.0
SECONDS = 30.0  # for an answer that takes no work
_READ = 64 << 10
_PAUSE_SECONDS = 0.1
_ANSWER_LIMIT = 32 << 20
_DROPPED = (OSError, EOFError, h11.RemoteProtocolError)


class EngineGone(RunnerError):
    """The engine does not answer, or went away in the middle."""


class EngineError(RunnerError):
    """The engine answered, but not as hoped. `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answer:
    """An answer whose body is still coming: to be iterated over once."""

    def __init__(self, connection: _Connection, status: int) -> None:
        self._connection = connection
        self.status = status

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self._connection.data():
            yield data

    async def whole(self) -> bytes:
        body = bytearray()
        async for data in self:
            body += data
            if len(body) > _ANSWER_LIMIT:
                raise EngineGone("The Docker engine's answer has no end.")
        return bytes(body)


class Engine:
    """The engine at `address` (`unix:///PATH` or `tcp://HOST:PORT`). Each call is a connection of its own; they share nothing."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._version = ""

    async def version(self) -> dict[str, Any]:
        """What `/version` says; the API's version is agreed upon by it. Raises EngineGone, and EngineError for one that is too old."""
        found: dict[str, Any] = await self._call("GET", "/version")
        newest, oldest = _numbers(found.get("ApiVersion")), _numbers(found.get("MinAPIVersion"))
        if newest < OLDEST:
            raise EngineError(
                0, f"The Docker engine is {found.get('Version')}; Gitperch needs 20.10 (API 1.41) or later."
            )
        self._version = "v{}.{}".format(*max(OLDEST, oldest))
        return found

    async def ping(self) -> None:
        """Raises EngineGone where nobody answers."""
        await self._call("GET", "/_ping", timeout=PING_SECONDS)

    def forget(self) -> None:
        """Agree on the API's version anew, at the next call."""
        self._version = ""

    async def get(self, path: str, /, **query: Any) -> Any:
        return await self.call("GET", path, query=query)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,  # as requests and httpx call it
        data: bytes | AsyncIterator[bytes] | None = None,
        timeout: float = SECONDS,
    ) -> Any:
        """The answer: what its JSON says, or its text. Raises EngineError for a status from 400, EngineGone."""
        return await self._call(method, await self._path(path), query=query, json=json, data=data, timeout=timeout)

    async def delete(self, path: str, /, **query: Any) -> bool:
        """Whether it was there. Raises EngineError where it cannot go."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                await self.call("DELETE", path, query=query, timeout=2 * SECONDS)
            except EngineError as error:
                if error.status == 404:
                    return False
                if "already in progress" not in str(error) or time.monotonic() > until:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)  # it is gone once somebody else is done with removing it
            else:
                return True

    async def find(self, path: str, /, **query: Any) -> Any:
        """As `get`; None where there is no such thing."""
        try:
            return await self.get(path, **query)
        except EngineError as error:
            if error.status != 404:
                raise
            return None

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        data: AsyncIterator[bytes] | None = None,
        timeout: float = SECONDS,
    ) -> AsyncIterator[Answer]:
        """An answer that comes bit by bit, its head within `timeout` seconds. Raises as `call` does; EngineGone in its middle too."""
        async with self._open(method, await self._path(path), query, None, data, timeout) as answer:
            yield answer

    async def _path(self, path: str) -> str:
        if not self._version:
            await self.version()
        return f"/{self._version}{path}"

    async def _call(self, method: str, path: str, *, timeout: float = SECONDS, **rest: Any) -> Any:
        query, body, data = rest.get("query"), rest.get("json"), rest.get("data")
        try:
            async with asyncio.timeout(timeout), self._open(method, path, query, body, data, timeout) as answer:
                text = await answer.whole()
        except TimeoutError:
            raise EngineGone(f"The Docker engine at {self.address} has not answered for {timeout:.0f} s.") from None
        return _document(text)

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: Any,
        data: bytes | AsyncIterator[bytes] | None,
        timeout: float,
    ) -> AsyncIterator[Answer]:
        if body is not None:
            data = json.dumps(body).encode()
        target = quote(path) + (f"?{urlencode(_texts(query))}" if query else "")
        kind = "application/json" if body is not None else "application/x-tar"
        connection = _Connection(*await self._connect(timeout))
        sending = asyncio.ensure_future(connection.send(method, target, kind, data))
        try:
            async with asyncio.timeout(timeout):
                status = await connection.head()
                answer = Answer(connection, status)
                if status >= 400:
                    raise EngineError(status, _message(await answer.whole()))
            yield answer
        except TimeoutError:
            raise EngineGone(f"The Docker engine at {self.address} has not answered for {timeout:.0f} s.") from None
        except _DROPPED:
            raise EngineGone(f"The Docker engine at {self.address} went away in the middle of an answer.") from None
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            connection.close()
            if not sending.cancelled() and (failure := sending.exception()):
                raise failure  # what was to be sent could not be read: that is why the rest went wrong

    async def _connect(self, timeout: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = urlsplit(self.address)
        try:
            async with asyncio.timeout(timeout):
                if address.scheme == "unix":
                    return await asyncio.open_unix_connection(address.path, limit=_READ)
                return await asyncio.open_connection(address.hostname, address.port or 2375, limit=_READ)
        except PermissionError:
            raise EngineGone(
                f"The server may not use the Docker engine at {self.address}; put its user into the group of that socket."
            ) from None
        except (OSError, TimeoutError) as error:
            raise EngineGone(
                f"There is no Docker engine at {self.address} ({_reason(error)}). Start it, or set previews.docker to its address."
            ) from None


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def send(self, method: str, target: str, kind: str, data: bytes | AsyncIterator[bytes] | None) -> None:
        headers = [("Host", "docker"), ("Connection", "close"), ("Content-Type", kind)]
        if isinstance(data, bytes):
            headers.append(("Content-Length", str(len(data))))
        elif data is not None:
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            headers.append(("Content-Length", "0"))
        try:
            await self._write(h11.Request(method=method, target=target, headers=headers))
            if isinstance(data, bytes):
                await self._write(h11.Data(data=data))
            elif data is not None:
                async for piece in data:
                    await self._write(h11.Data(data=piece))
            await self._write(h11.EndOfMessage())
        except ConnectionError:
            pass  # it may answer, and close, before it has read everything
        except BaseException:
            self._writer.transport.abort()
            raise

    async def _write(self, event: h11.Request | h11.Data | h11.EndOfMessage) -> None:
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def head(self) -> int:
        event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise EOFError
        return event.status_code

    async def data(self) -> bytes:
        """The next bytes of the body; none at its end."""
        event = await self._next()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def _next(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ))
        if isinstance(event, h11.ConnectionClosed):
            raise EOFError
        return event

    def close(self) -> None:
        self._writer.close()


def _texts(query: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters as the engine reads them: lists and objects as JSON, true as 1."""
    texts = {}
    for name, value in query.items():
        if value is not None:
            texts[name] = (
                value if isinstance(value, str) else json.dumps(int(value) if isinstance(value, bool) else value)
            )
    return texts


def _document(text: bytes) -> Any:
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return text.decode("utf-8", "replace")


def _message(text: bytes) -> str:
    found = _document(text)
    message = found.get("message") if isinstance(found, dict) else found
    return f"The Docker engine says: {str(message).strip()[:500]}"


def _numbers(version: Any) -> tuple[int, int]:
    major, _, minor = str(version or "0.0").partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "no answer"
