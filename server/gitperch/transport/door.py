"""Git's way into the house: which repository a git URL means, who may have it, and what a push sets going."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING

from gitperch.accounts.access import client_address
from gitperch.errors import Conflict, Forbidden, NotFound, Unauthorized
from gitperch.git import names
from gitperch.git import refs as git_refs
from gitperch.repositories.quota import OverQuota
from gitperch.transport import policy, small_pack
from gitperch.transport.incoming import Incoming
from gitperch.transport.opened import Opened

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from gitperch.accounts.access import Viewer
    from gitperch.events import RefsUpdated
    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch.transport.hooks_pipe import Command
    from gitperch.transport.opened import GitRequest, Service

log = logging.getLogger("gitperch.transport")

VIEWER, COMPLAIN = "gitperch.viewer", "gitperch.complain"
"""In the scope of a request that this server made itself: the Viewer it is for, and who hears git's complaints, which SSH alone has."""


class Push:
    """One push by one person: the hooks' other end."""

    def __init__(self, host: Host, repo: Repository, viewer: Viewer, *, created: bool) -> None:
        self._host = host
        self.repo = repo
        self.viewer = viewer
        self.created = created
        self._event: RefsUpdated | None = None

    def foreseen(self, commands: Sequence[Command], pack: bytes) -> bool:
        if self._host.quota.limit or policy.refusals(commands):
            return False
        size = small_pack.largest(pack, len(commands[0].new) // 2)
        return size is not None and size <= self._host.config.git.file_max_bytes

    async def before(self, commands: Sequence[Command], quarantine: str) -> tuple[bool, Sequence[str]]:
        refused = policy.refusals(commands)
        if quarantine and not refused:
            limit = self._host.config.git.file_max_bytes
            incoming = Incoming(self._host.git, self.repo.path, quarantine)
            refused = [policy.refusal_of_file(file, limit) for file in await incoming.files_above(limit, commands)]
        if quarantine and not refused:
            try:
                await self._host.quota.require(self.repo, 0)  # what came lies in the repository's folder already
            except OverQuota as error:
                refused = [str(error)]
        return not refused, refused

    async def after(self, commands: Sequence[Command] | None) -> Sequence[str]:
        refs = None if commands is None else [command.ref for command in commands]
        event = await self._host.refs.observe(self.repo, refs, actor=self.viewer.name, source="push")
        if not event:
            return []
        self._event = event
        page = f"{self._host.config.base_url}/{self.repo.full_name}"
        lines = ["", f"Graph    {page}"]
        if self.created:
            lines = ["", f"{self.repo.full_name} is new here, and private.", *lines[1:]]
        lines += await self._host.plugins.remote_lines(event)
        return lines

    async def progress(self, *, watched: bool) -> AsyncGenerator[str, None] | None:
        return await self._host.plugins.remote_progress(self._event, watched=watched) if self._event else None

    async def ended(self, *, told: bool) -> None:
        if not told:
            await self._host.refs.observe(self.repo, None, actor=self.viewer.name, source="reconciliation")
        if self.created and not await asyncio.to_thread(git_refs.snapshot, self.repo.path):
            # The push that would have filled it has failed, so it was never wanted.
            await self._host.repositories.delete(self.repo)


class GitDoor:
    """The backend of the product's own SmartHTTP."""

    def __init__(self, host: Host, empty: Path) -> None:
        """`empty` is a bare repository without refs: what one that a push will make looks like until then."""
        self._host = host
        self._empty = empty

    async def open(self, request: GitRequest) -> Opened:
        if not request.service:
            raise Forbidden("Files are not given out here; git 1.6.6 and later ask for what is.")
        _, owner, name = request.path.split("/")  # as the route has it
        viewer = request.connection.scope.get(VIEWER) or await self._host.access.viewer(request.connection)
        client = client_address(request.connection)
        opened = await self.open_for(
            viewer, owner, name.removesuffix(".git"), request.service, advertise=request.advertise, client=client
        )
        complain = request.connection.scope.get(COMPLAIN)
        return dataclasses.replace(opened, complain=complain, ends=False) if complain else opened

    async def open_for(
        self, viewer: Viewer, owner: str, name: str, service: Service, *, advertise: bool, client: str
    ) -> Opened:
        """What `open` answers, for somebody who is known by other means than a request. `client` is their address."""
        if service != "git-receive-pack":
            repo = await self._host.access.repository(viewer, owner, name)
            return Opened(repo.path, plain=True, shown_only=True, client=client)
        if not viewer.is_known:
            raise Unauthorized("Sign in to push: your user name, and your password or a token.")
        created = False
        if (
            viewer.user
            and not await self._host.repositories.find(owner, name)
            and self._host.access.may_create(viewer, owner)
        ):
            names.repository_name(name)
            if advertise:
                return Opened(self._empty, plain=True, client=client)
            with contextlib.suppress(Conflict):  # another push was there first: then this is one to what that made
                await self._host.repositories.create(viewer.user, name)
                created = True
        repo = await self._host.access.repository(viewer, owner, name, "write")
        push = Push(self._host, repo, viewer, created=created)
        return Opened(repo.path, push, plain=True, client=client)

    async def ended(self, opened: Opened, *, told: bool) -> None:
        if isinstance(opened.receiver, Push):
            try:
                await opened.receiver.ended(told=told)
            except NotFound:
                log.info("%s was deleted while it was pushed to", opened.receiver.repo.full_name)
