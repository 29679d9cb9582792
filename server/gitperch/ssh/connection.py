"""One SSH connection: who it is, by key alone, and how much it may ask for at once."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import asyncssh

from gitperch.errors import Forbidden, TooMany
from gitperch.ssh import commands
from gitperch.ssh.keys import fingerprint
from gitperch.ssh.session import WINDOW, Session

if TYPE_CHECKING:
    from gitperch.accounts.access import Viewer
    from gitperch.ssh.server import Server
    from gitperch.ssh.store import SshKey

TRIES = 20  # an agent offers all the keys it has, one after the other; the one that is known is asked about twice
SESSIONS = 10  # as OpenSSH's MaxSessions


class Connection(asyncssh.SSHServer):
    """The server's side of one connection. Any user name will do: the key decides."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.address = "unknown"
        self.flows = asyncio.Event()
        """Set while the system takes what is written: a channel's window is for the client to choose, and may be huge."""
        self.flows.set()
        self.used_at = time.monotonic()
        self.signed_in = False
        self._connection: asyncssh.SSHServerConnection | None = None
        self._began = False
        self._tries = 0
        self._key: SshKey | None = None
        self._sessions: set[Session] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self.address = str(conn.get_extra_info("peername", ("unknown",))[0])
        # asyncio calls these of every protocol; asyncssh's own do nothing.
        setattr(conn, "pause_writing", self.flows.clear)  # noqa: B010 -- they are methods, which may not be assigned
        setattr(conn, "resume_writing", self.flows.set)  # noqa: B010
        if not self.server.admit(self):
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.flows.set()
        self._connection = None
        for session in list(self._sessions):  # whose channel was asked for, and never opened
            self.left(session)
        # One failure for all the keys of a connection: a client with several must not lock itself out.
        self.server.leave(self, failed=self._began and not self.signed_in)

    def begin_auth(self, username: str) -> bool:
        try:
            self.server.failures.check((self.address,))
            self._began = True
        except TooMany as error:
            self._disconnect(error.message)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is known. asyncssh asks when one is offered, and again before it checks a signature by it."""
        self._tries += 1
        if self._tries > TRIES:
            self._disconnect(
                "None of so many keys is known here. Say which to use with: ssh -o IdentitiesOnly=yes -i FILE"
            )
            return False
        found = await self.server.keys.find(fingerprint(key.public_data))
        # The last one asked about, and nothing is waited for between this, the signature's check and `auth_completed`:
        # whoever offers another's key first and signs with one of their own is themselves.
        self._key = found
        return found is not None

    async def auth_completed(self) -> None:
        self.signed_in = True
        key = self._key
        if key:
            await self.server.keys.used(key)

    def session_requested(self) -> tuple[asyncssh.SSHServerChannel[bytes], Session] | bool:
        if not self._connection or len(self._sessions) >= SESSIONS:
            return False
        session = Session(self, self.server.begun())
        self._sessions.add(session)
        channel = self._connection.create_server_channel(encoding=None, errors="strict", window=WINDOW)
        return channel, session

    def left(self, session: Session) -> None:
        if session in self._sessions:
            self._sessions.remove(session)
            self.server.over()
        self.used_at = time.monotonic()

    async def serve(self, session: Session, line: str | None, protocol: str) -> int:
        """Run one command line, or greet where there is none; the exit status. Raises AppError, ClientGone."""
        viewer = await self._viewer()
        if line is None:
            session.say(await self.server.greeting(viewer))
            return 0
        return await self.server.serving.run(commands.parse(line), viewer, self.address, protocol, session)

    async def _viewer(self) -> Viewer:
        """Who this is now: looked up for each command, since a key may be taken away while its connection lasts."""
        viewer = await self.server.viewer(self._key.fingerprint) if self._key else None
        if not viewer:
            raise Forbidden("This key has been removed from the server. Add it again, or use another.")
        return viewer

    def sweep(self, idle_seconds: float) -> None:
        """End what has not moved for so long."""
        before = time.monotonic() - idle_seconds
        why = f"Nothing has moved for {idle_seconds:g} seconds, so this was ended."
        idle = [session for session in self._sessions if session.moved_at < before]
        # A session that is over and still here is one whose client does not answer even that.
        if any(session.is_over for session in idle) or (
            not self._sessions and self.signed_in and self.used_at < before
        ):
            self.close(why)
        for session in idle:
            session.end(why)

    def close(self, why: str) -> None:
        for session in list(self._sessions):
            session.end(why)
        self._disconnect(why, asyncssh.DISC_BY_APPLICATION)

    def _disconnect(self, reason: str, code: int = asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE) -> None:
        if self._connection:
            self._connection.disconnect(code, reason)
