"""The SSH server: a listener, its limits, and who may come in. Needs asyncssh; imported only where `ssh.enabled` is set."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from typing import TYPE_CHECKING

import asyncssh

from gitperch import __version__
from gitperch.accounts.access import Failures, Viewer
from gitperch.config import ConfigError
from gitperch.ssh import host_keys
from gitperch.ssh.connection import Connection
from gitperch.ssh.serving import Serving
from gitperch.ssh.session import WINDOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

    from gitperch.host import Host
    from gitperch.transport.door import GitDoor

log = logging.getLogger("gitperch.ssh")

SIGNING_IN = 50  # connections at once that have not shown a key yet: each costs a key exchange
KEEPALIVE_SECONDS, KEEPALIVES = 30, 3
GRACE_SECONDS = 3.0
# Taken away from what asyncssh offers: what is slow to compute before anybody has signed in, and what rests on SHA-1 or DSA.
KEX = "-gss-*,*group*,rsa*,*1.3.132*,curve448*"
MACS = "-hmac-sha1*,*@ssh.com"
SIGNATURES = "-ssh-rsa,ssh-dss,*@ssh.com"


@contextlib.asynccontextmanager
async def listening(host: Host, door: GitDoor, git: ASGIApp) -> AsyncIterator[Server]:
    """Serve what the transport `git` does until the end of the block; then nobody new comes in, and what runs has `GRACE_SECONDS`.

    Raises ConfigError where the address or the host key cannot be had.
    """
    asyncssh.set_log_level(logging.WARNING)  # it tells of every connection
    server = Server(host, door, git)
    settings = host.config.ssh
    address, port = host.config.ssh_listen_address
    try:
        acceptor = await asyncssh.listen(
            address,
            port,
            server_factory=lambda: Connection(server),
            server_host_keys=[str(host_keys.prepare(host.config.data))],
            server_version=f"Gitperch_{__version__}",
            login_timeout=settings.login_seconds,
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=KEEPALIVES,
            kex_algs=KEX,
            mac_algs=MACS,
            signature_algs=SIGNATURES,
            compression_algs=None,  # packs are compressed already
            encoding=None,
            window=WINDOW,
            allow_pty=False,
            line_editor=False,
            agent_forwarding=False,
            x11_forwarding=False,
            gss_host=None,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
        )
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {settings.listen} for SSH: {error.strerror}. Choose another address with ssh.listen."
        ) from None
    host.tasks.start("ssh", server.sweep, restart=True)
    try:
        yield server
    finally:
        acceptor.close()
        await server.close()


class Server:
    """What the connections share."""

    def __init__(self, host: Host, door: GitDoor, git: ASGIApp) -> None:
        self.host = host
        self.keys = host.ssh_keys
        self.serving = Serving(host, door, git)
        self.failures = Failures(host.config.accounts.failures, host.config.accounts.failure_seconds)
        self._connections: set[Connection] = set()
        self._numbers = itertools.count(1)
        self._running = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def begun(self) -> int:
        """A session has begun; its number."""
        self._running += 1
        self._quiet.clear()
        return next(self._numbers)

    def over(self) -> None:
        """A session is over."""
        self._running -= 1
        if not self._running:
            self._quiet.set()

    def admit(self, connection: Connection) -> bool:
        """Whether one more connection is within the limits; if so, it counts until it leaves."""
        settings, there = self.host.config.ssh, self._connections
        if (
            len(there) >= settings.connections
            or sum(other.address == connection.address for other in there) >= settings.connections_per_address
            or sum(not other.signed_in for other in there) >= SIGNING_IN
        ):
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: Connection, *, failed: bool) -> None:
        self._connections.discard(connection)
        if failed:
            self.failures.add((connection.address,))

    async def viewer(self, fingerprint: str) -> Viewer | None:
        """Whom the key stands for, now; None when it is not there any more."""
        key = await self.keys.find(fingerprint)
        if not key:
            return None
        if key.repo_id is not None:
            return Viewer(rank=key.rank, repo_id=key.repo_id, deploys_for=key.added_by, key=fingerprint)
        user = await self.host.people.by_id(key.user_id) if key.user_id is not None else None
        return Viewer(user, key=fingerprint) if user else None

    async def greeting(self, viewer: Viewer) -> str:
        """What `ssh git@host` without a command shows."""
        if viewer.user:
            example = self.host.config.ssh_url(f"{viewer.user.name}/NAME")
            return f"Hello {viewer.user.name}, your key works. There is no shell here, only git: git clone {example}\n"
        repo = await self.host.repositories.by_id(viewer.repo_id or 0)
        if not repo:
            return "Hello, your key works, but its repository is gone.\n"
        may = "read and write" if viewer.rank > 1 else "read"
        return f"Hello, your deploy key works. It may {may} {repo.full_name}: git clone {self.host.config.ssh_url(repo.full_name)}\n"

    async def sweep(self) -> None:
        """End connections on which nothing moves; for as long as the server runs."""
        idle_seconds = self.host.config.ssh.idle_seconds
        while True:
            await asyncio.sleep(min(max(idle_seconds / 4, 0.1), 15))
            for connection in list(self._connections):
                connection.sweep(idle_seconds)

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._quiet.wait()
        for connection in list(self._connections):
            connection.close("The server is stopping. Try again in a moment.")
