"""Where every request for a preview comes in: whose address is it, who is asking, and does an app or a tree of files answer."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose

from gitperch.errors import Busy
from gitperch_preview import doorkeeper, notices
from gitperch_preview.commits import Commits
from gitperch_preview.gateway.apps import Apps, Visit
from gitperch_preview.gateway.pages import STATE
from gitperch_preview.gateway.static import Static
from gitperch_preview.keep import Kept
from gitperch_preview.shares import SHARE

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from gitperch.host import Host
    from gitperch.repositories import Repository
    from gitperch_preview.contract import Places
    from gitperch_preview.hosts import Address, Hosts

log = logging.getLogger("gitperch.preview")

ADDRESS_SECONDS = 1.0  # another process may delete a repository, or make it private
NEW_SECONDS = 10.0  # a push is looked at in a fiftieth of that, unless the machine has much else to do
OWN = "/.gitperch/"
"""Paths of every preview that are the gateway's."""
_READING = ("GET", "HEAD")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Target:
    address: Address
    repo: Repository


@dataclass(frozen=True)
class Found:
    """The outcome of a look-up; None: nobody has this name."""

    target: Target | None


class Gateway:
    """Serves `(label, request)`. `forget` makes it ask again about a repository.

    `places` knows which branches have an app; without it everything is files.
    """

    def __init__(self, host: Host, hosts: Hosts) -> None:
        self._host = host
        self._hosts = hosts
        self.places: Places | None = None
        self.door = doorkeeper.Doorkeeper(host)
        self.commits = Commits(host.git)
        self._static = Static(host, self.commits)
        self._apps = Apps(host)
        self._targets: Kept[str, Found] = Kept(1000, ADDRESS_SECONDS)

    def forget(self, repo_id: int) -> None:
        self._targets.drop_if(lambda _, found: not found.target or found.target.repo.id == repo_id)
        self.door.forget(repo_id)
        self.commits.forget(repo_id)

    async def target(self, label: str) -> Target | None:
        """The repository, and what of it, that `label` names."""
        known = self._targets.get(label)
        if known:
            return known.target
        address = await self._hosts.find(label)
        # What is not there takes as long as what is: the time must not tell them apart, and both are kept.
        repo = await self._host.repositories.by_id(address.repo_id if address else 0)
        return self._targets.put(label, Found(Target(address, repo) if address and repo else None)).target

    def forget_missing(self) -> None:
        """There are new host names."""
        self._targets.drop_if(lambda _, found: not found.target)

    def close(self) -> None:
        """The server stops: what would last is ended."""
        self._apps.close()

    async def serve(self, label: str, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application for one label."""
        if scope["type"] == "websocket":
            return await self._socket(label, {**scope, "method": "GET"}, receive, send)
        try:
            response = await self._answer(label, scope, receive, send)
            return await response(scope, receive, send) if response else None
        except ConnectionError:
            raise  # the client has gone
        except Busy as error:
            response = notices.busy(scope["method"], error.message)
        except TimeoutError:
            response = notices.busy(
                scope["method"], "The server did not get to this site in time. Try again in a moment."
            )
        except Exception:
            number = secrets.token_hex(4)
            log.exception("request %s: %s of the preview %s failed", number, scope["path"], label)
            response = notices.broken(scope["method"], number)
        return await response(scope, receive, send)

    async def _answer(self, label: str, scope: Scope, receive: Receive, send: Send) -> Response | None:
        """None: it is answered."""
        request, reading, path = Request(scope, receive), scope["method"] in _READING, scope["path"]
        if not _LABEL.fullmatch(label):
            return notices.unknown(request.method) if reading else notices.only_reading(request.method)
        target = await self.target(label)
        if path == doorkeeper.ENTER and reading:
            return await self.door.enter(request, label, target.repo if target else None)
        if path == SHARE and reading:
            return await self.door.enter_shared(request, label, target.repo if target else None)
        visit = await self._visit(target, label, request)
        if "gitperch.tunnel" in scope["extensions"] and not (visit and visit.place):
            return PlainTextResponse("Nothing listens here.\n", 403)
        if not target or not visit:
            return self.door.outside(request, label) if reading else notices.only_reading(request.method)
        if path.startswith(OWN) and path != STATE:
            return notices.unknown(request.method)
        if visit.place and self.places:
            return await self._apps.serve(self.places, visit, scope, receive, send)
        if not target.address.is_files and await self._turned_out(target, label):
            return await self._answer(label, scope, receive, send)
        if not reading:
            return notices.only_reading(request.method)
        return await self._static.answer(request, label, target)

    async def _turned_out(self, target: Target, label: str) -> bool:
        """Wait until it is known whether a branch that has just been pushed is an app; whether it is.

        Its sources are not what its first visitor, a moment after the push, came to see. Raises TimeoutError where it takes too long.
        """
        address = target.address
        if address.branch is None or not self.places:
            return False
        until, pause = time.monotonic() + NEW_SECONDS, 0.02
        while not self.places.find(address.repo_id, address.branch):
            now = await self._hosts.find(label)
            if not now or now.is_files:
                break
            if time.monotonic() > until:
                raise TimeoutError
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.25)
        self._targets.drop(label)
        return self.places.find(address.repo_id, address.branch) is not None

    async def _visit(self, target: Target | None, label: str, connection: HTTPConnection) -> Visit | None:
        """Who may come in, and to what; None: this visitor may not, or there is nothing."""
        repo = target.repo if target else None
        visitor = self.door.visitor(connection, label) if not repo or repo.private else None
        let_in = repo is not None and await self.door.is_let_in(visitor, repo)
        if not target or not repo or not (let_in or doorkeeper.is_open(repo)):
            return None

        async def still() -> bool:
            now = await self.target(label)
            if not now or now.repo.id != repo.id:
                return False
            return doorkeeper.is_open(now.repo) or await self.door.is_let_in(visitor, now.repo)

        branch = target.address.branch
        place = self.places.find(repo.id, branch) if self.places and branch is not None else None
        sees_log = not repo.private or bool(let_in and visitor and not visitor.is_guest)
        return Visit(repo, branch or "", place, sees_log, still)

    async def _socket(self, label: str, scope: Scope, receive: Receive, send: Send) -> None:
        target = await self.target(label) if _LABEL.fullmatch(label) else None
        visit = await self._visit(target, label, HTTPConnection(scope))
        if not visit or not visit.place or not self.places:
            return await WebSocketClose(1008, "Nothing listens here.")(scope, receive, send)
        await receive()  # websocket.connect
        try:
            response = await self._apps.serve(self.places, visit, scope, receive, send)
        except Busy as error:
            response = notices.busy("GET", error.message)
        if response:
            start = {"type": "websocket.http.response.start", "status": response.status_code}
            await send(start | {"headers": response.raw_headers})
            await send({"type": "websocket.http.response.body", "body": bytes(response.body)})
        return None
