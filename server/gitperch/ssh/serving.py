"""The commands on an SSH session: the same transport, hooks and limits as over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch.lfs import grants
from gitperch.ssh.commands import LFS
from gitperch.ssh.rounds import Rounds
from gitperch.transport.answer import Answer
from gitperch.transport.relay import beside, feed, relay

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from gitperch.accounts.access import Viewer
    from gitperch.host import Host
    from gitperch.ssh.commands import Command
    from gitperch.ssh.session import Session
    from gitperch.transport.door import GitDoor


class Serving:
    def __init__(self, host: Host, door: GitDoor, git: ASGIApp) -> None:
        """`git` is the transport, with `door` as its backend."""
        self._host = host
        self._door = door
        self._transport = git

    async def run(self, command: Command, viewer: Viewer, client: str, protocol: str, session: Session) -> int:
        """Serve one command; its exit status. `protocol` is the client's GIT_PROTOCOL.

        Raises AppError where the repository cannot be had or the server is busy, ClientGone.
        """
        if command.service == LFS:
            leave = await grants.over_ssh(self._host, viewer, command.owner, command.name, command.operation)
            await session.write(json.dumps(leave).encode())
            return 0
        stall_seconds = self._host.git.settings.stall_seconds

        def complain(said: str) -> None:
            text = said.replace(f"{self._host.config.data}/", "")  # where that lies is nobody's business
            session.say(text if text.endswith("\n") else f"{text}\n")

        rounds = Rounds(self._transport, command, viewer, client, protocol, session, complain, stall_seconds)
        try:
            if command.service == "git-receive-pack":
                return await rounds.push()
            if command.service == "git-upload-pack" and "version=2" in protocol.split(":"):
                return await rounds.fetches()
            return await self._converse(command, viewer, client, protocol, session)
        except GitError as error:
            complain(error.stderr)
            return error.status if error.status > 0 else 1

    async def _converse(self, command: Command, viewer: Viewer, client: str, protocol: str, session: Session) -> int:
        """What has no requests of its own, fetches in older protocols and archives: git, for as long as the client has questions."""
        git, settings = self._host.git, self._host.git.settings
        opened = await self._door.open_for(
            viewer, command.owner, command.name, "git-upload-pack", advertise=False, client=client
        )

        async def send(message: Message) -> None:
            if body := message.get("body"):
                await session.write(body)

        async with git.children.turn(opened.client):
            running = git.stream(
                command.service.removeprefix("git-"),
                str(opened.path),
                environment=opened.speaking(protocol),
                timeout=settings.request_seconds,
            )
            # A client that goes away ends the block, and with it git's process group.
            async with running as process, beside(feed(session, process), session.gone()):
                await relay(process, Answer(send, "", settings.stall_seconds))
        return 0
