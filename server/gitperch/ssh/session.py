"""One SSH channel: what a client sends and takes, at the pace of the slower, and the command that runs on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import asyncssh

from gitperch.errors import AppError
from gitperch.ssh import commands
from gitperch.transport.body import ClientGone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gitperch.ssh.connection import Connection

log = logging.getLogger("gitperch.ssh")

WINDOW = 1 << 20  # bytes that a client may send ahead of us; asyncssh keeps them until they are read


class Session(asyncssh.SSHServerSession[bytes]):
    """Runs one command, then ends. Iterate for what the client sends; `write` what it is to have."""

    def __init__(self, connection: Connection, number: int) -> None:
        self._connection = connection
        self._name = f"ssh session {number}"
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._line: str | None = None  # None for a shell
        self._came = bytearray()
        self._ended = False
        self._news = asyncio.Event()
        self._flows = asyncio.Event()
        self._flows.set()
        self.moved_at = time.monotonic()

    # What asyncssh calls. Whatever is not here (terminals, subsystems) it refuses by itself.

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        # asyncssh keeps whatever a client sends, without end; this one variable is all that is ever looked at.
        setattr(chan, "_env", _Environment())  # noqa: B010 -- there is no setting for it

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self._line = command
        return True

    def session_started(self) -> None:
        self._connection.server.host.tasks.start(self._name, self._run)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._came += data
        self.moved_at = time.monotonic()
        if len(self._came) >= WINDOW and self._channel:
            self._channel.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return True  # it still listens

    def pause_writing(self) -> None:
        self._flows.clear()

    def resume_writing(self) -> None:
        self._flows.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None
        self._news.set()
        self._flows.set()
        self._connection.left(self)

    @property
    def is_over(self) -> bool:
        return self._channel is None

    # What the commands use.

    async def read(self) -> bytes:
        """What has come since the last time, at least a byte; b"" at the end. Raises ClientGone when the channel broke off."""
        while not self._came and not self._ended:
            if not self._channel:
                raise ClientGone
            self._news.clear()
            await self._news.wait()
        data = bytes(self._came)
        self._came.clear()
        if self._channel:
            self._channel.resume_reading()
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more. Raises ClientGone."""
        if not self._channel or self._channel.is_closing():
            raise ClientGone
        self._channel.write(data)
        await self._flows.wait()
        await self._connection.flows.wait()
        if not self._channel:
            raise ClientGone
        self.moved_at = time.monotonic()

    async def gone(self) -> None:
        """Wait for the client to leave; then raise ClientGone."""
        while self._channel:
            self._news.clear()
            await self._news.wait()
        raise ClientGone

    def say(self, text: str) -> None:
        """To the client's standard error, which git's clients show as it is."""
        if self._channel and not self._channel.is_closing():
            self._channel.write_stderr(text.encode("utf-8", "replace"))

    def end(self, why: str) -> None:
        """Break off, whether the client takes note or not."""
        self.say(f"gitperch: {why}\n")
        channel, self._channel = self._channel, None
        if channel:
            channel.close()
        self._news.set()
        self._flows.set()

    async def _run(self) -> None:
        status = 1
        try:
            environment = self._channel.get_environment_bytes() if self._channel else {}
            status = await self._connection.serve(self, self._line, commands.protocol(environment))
        except AppError as error:
            self.say(f"gitperch: {error.message}\n")
        except ClientGone:
            pass
        except Exception:
            log.exception("a command over SSH failed: %r", self._line)
            self.say("gitperch: Something went wrong in the server; its log says what.\n")
        finally:
            if self._channel:
                with contextlib.suppress(OSError):
                    self._channel.exit(status)


class _Environment(dict[bytes, bytes]):
    """Keeps `GIT_PROTOCOL`, and forgets the rest at once."""

    def __setitem__(self, name: bytes, value: bytes) -> None:
        if name == b"GIT_PROTOCOL":
            super().__setitem__(name, value)
