"""git's commands on an SSH session: the same door, hooks and limits as over HTTP, without HTTP's rounds."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from gitperch.git import GitError
from gitperch.lfs import grants
from gitperch.ssh.commands import LFS
from gitperch.transport import pushes
from gitperch.transport.answer import Answer
from gitperch.transport.body import Body, ClientGone
from gitperch.transport.relay import beside, feed, relay

if TYPE_CHECKING:
    from starlette.types import Message

    from gitperch.accounts.access import Viewer
    from gitperch.host import Host
    from gitperch.ssh.commands import Command
    from gitperch.ssh.session import Session
    from gitperch.transport.door import GitDoor


class Serving:
    def __init__(self, host: Host, door: GitDoor) -> None:
        self._host = host
        self._git = host.git
        self._door = door

    async def run(self, command: Command, viewer: Viewer, client: str, protocol: str, session: Session) -> int:
        """Serve one command; its exit status. `protocol` is the client's GIT_PROTOCOL.

        Raises AppError where the repository cannot be had or the server is busy, ClientGone.
        """
        if command.service == LFS:
            leave = await grants.over_ssh(self._host, viewer, command.owner, command.name, command.operation)
            await session.write(json.dumps(leave).encode())
            return 0
        environment = {"GIT_PROTOCOL": protocol} if protocol else {}
        try:
            if command.service == "git-receive-pack":
                return await self._receive(command, viewer, client, environment, session)
            return await self._upload(command, viewer, client, environment, session)
        except GitError as error:
            said = error.stderr.replace(f"{self._host.config.data}/", "")  # where that lies is nobody's business
            session.say(said if said.endswith("\n") else f"{said}\n")
            return error.status if error.status > 0 else 1

    async def _upload(
        self, command: Command, viewer: Viewer, client: str, environment: dict[str, str], session: Session
    ) -> int:
        """A clone, a fetch or an archive: git for as long as the client has something to ask."""
        door, settings = self._door, self._git.settings
        opened = await door.open_for(
            viewer, command.owner, command.name, "git-upload-pack", advertise=False, client=client
        )
        answer = Answer(_Messages(session).send, "", settings.stall_seconds)
        async with self._git.children.turn(opened.client):
            git = self._git.stream(
                command.service.removeprefix("git-"),
                str(opened.path),
                environment={**opened.environment, **environment},
                timeout=settings.request_seconds,
            )
            # A client that goes away ends the block, and with it git's process group.
            async with git as process, beside(feed(session, process), session.gone()):
                await relay(process, answer)
        return 0

    async def _receive(
        self, command: Command, viewer: Viewer, client: str, environment: dict[str, str], session: Session
    ) -> int:
        """A push, in the two steps that HTTP has: no process waits while the client thinks, nothing is made before it pushes."""
        owner, name, door = command.owner, command.name, self._door
        opened = await door.open_for(viewer, owner, name, "git-receive-pack", advertise=True, client=client)
        async with self._git.children.turn(opened.client):
            refs = await self._git.run(
                *("receive-pack", "--stateless-rpc", "--advertise-refs", str(opened.path)),
                environment={**opened.environment, **environment},
                timeout=120,
            )
        messages = _Messages(session)
        settings = self._git.settings
        answer = Answer(messages.send, "", settings.stall_seconds)
        await answer.write(refs)
        if not await messages.anything():
            return 0
        opened = await door.open_for(viewer, owner, name, "git-receive-pack", advertise=False, client=client)
        body = Body(messages.receive, "", settings.push_max_bytes, self._host.config.ssh.idle_seconds)
        async with self._git.children.turn(opened.client):
            told = False
            try:
                told = await pushes.receive(self._git, opened, body, answer, environment.get("GIT_PROTOCOL", ""))
            finally:
                await asyncio.shield(door.ended(opened, told=told))
        return 0


class _Messages:
    """A session as ASGI's `receive` and `send`, which bodies and answers are made of."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first = b""

    async def anything(self) -> bool:
        """Whether the client sends more than the flush packet that says: nothing to push. Raises ClientGone."""
        while len(self._first) < 4 and (data := await self._session.read()):
            self._first += data
        return bool(self._first) and not self._first.startswith(b"0000")

    async def receive(self) -> Message:
        data, self._first = self._first, b""
        if not data:
            try:
                data = await self._session.read()
            except ClientGone:
                data = b""  # git knows whether it has all of it, and finishes if so
        return {"type": "http.request", "body": data, "more_body": bool(data)}

    async def send(self, message: Message) -> None:
        if body := message.get("body"):
            await self._session.write(body)
