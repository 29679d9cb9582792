"""The addresses of Git LFS, below `/OWNER/NAME(.git)/info/lfs`."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from starlette.responses import Response

from gitperch.errors import Conflict, Forbidden, NotFound
from gitperch.git import names
from gitperch.lfs import grants, messages
from gitperch.lfs.download import Download
from gitperch.lfs.errors import Invalid
from gitperch.lfs.grants import Grant
from gitperch.lfs.locks import AlreadyLocked, Locks
from gitperch.lfs.messages import Reply
from gitperch.lfs.pointer import is_oid
from gitperch.lfs.service import Transfers, Wanted, wanted_in
from gitperch.routing import Route
from gitperch.transport.body import Body

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.accounts.access import Permission, Viewer
    from gitperch.accounts.people import User
    from gitperch.host import Host
    from gitperch.repositories import Repository

_AS_A_FILE = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, no-cache",
    "vary": "authorization, cookie",
    "x-content-type-options": "nosniff",
}


def lfs_routes(host: Host) -> list[Route]:
    """To be put before the routes of the pages."""
    api, root = Api(host), "/{owner}/{name}/info/lfs"
    table = [
        ("objects/batch", "POST", api.batch),
        ("objects/verify", "POST", api.verify),
        ("objects/{oid}", "GET", api.download),
        ("objects/{oid}", "PUT", api.upload),
        ("locks", "GET", api.locks),
        ("locks", "POST", api.lock),
        ("locks/verify", "POST", api.verify_locks),
        ("locks/{lock_id}/unlock", "POST", api.unlock),
    ]
    return [
        Route(f"{root}/{path}", messages.answered(handle), methods=[method], include_in_schema=False)
        for path, method, handle in table
    ]


class Api:
    """Each handler asks first who sent the request and whether they may, and only then reads it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._locks = Locks(host.db)
        self._stall_seconds = host.config.git.stall_seconds

    async def batch(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        repo = await self._found_or_new(request, viewer, "read")
        asked = await messages.document(request, self._stall_seconds)
        operation, wanted = asked.get("operation"), wanted_in(asked.get("objects"))
        transfers = asked.get("transfers") or ["basic"]
        if operation not in ("download", "upload"):
            raise Invalid("operation has to be download or upload.")
        if not isinstance(transfers, list) or "basic" not in transfers:
            raise Invalid("transfers has to name basic, the only transfer that this server knows.")
        if asked.get("hash_algo", "sha256") != "sha256":
            raise Conflict("hash_algo has to be sha256, the only one that this server knows.")
        base = f"{self._origin(request)}/{'/'.join(_names(request))}.git/info/lfs/objects"
        if operation == "upload":
            repo = await self._writable(request, viewer, create=any(is_oid(each.oid) for each in wanted))
            answers = await Transfers(self._host, viewer, repo).uploads(wanted, base)
        elif not repo:
            raise NotFound("The repository is made by the first push to it; there is nothing to download yet.")
        else:
            answers = await Transfers(self._host, viewer, repo).downloads(wanted, base)
        return Reply({"transfer": "basic", "objects": answers, "hash_algo": "sha256"})

    async def verify(self, request: Request) -> Response:
        grant = await self._sender(request)
        repo = await self._repository(request, grant.viewer, "write")
        asked = await messages.document(request, self._stall_seconds)
        [wanted] = wanted_in([asked])
        _check_oid(grant, wanted.oid)
        await Transfers(self._host, grant.viewer, repo).verify(wanted)
        return Reply({})

    async def download(self, request: Request) -> Response:
        oid = request.path_params["oid"]
        grant = await self._sender(request)
        repo = await self._repository(request, grant.viewer, "read")
        _check_oid(grant, oid)
        stored = (await self._host.lfs.linked(repo, [oid])).get(oid)
        Transfers.here(Wanted(oid, stored.size if stored else 0), stored)
        assert stored  # noqa: S101 -- it is here, by the line above
        return Download(request, stored, self._host.lfs.places, self._stall_seconds, _AS_A_FILE)

    async def upload(self, request: Request) -> Response:
        oid = request.path_params["oid"]
        grant = await self._sender(request)
        repo = await self._repository(request, grant.viewer, "write")
        _check_oid(grant, oid)
        if not grant.oid:
            raise Forbidden("Ask for leave to upload with a batch request first, and send the header that it gives.")
        length = request.headers.get("content-length", str(grant.size))
        if length != str(grant.size) and "content-encoding" not in request.headers:
            raise Invalid(f"Content-Length is {length[:20]}, and the object has {grant.size} bytes. Push again.")
        # The store counts the bytes itself.
        body = Body(request.receive, request.headers.get("content-encoding", ""), sys.maxsize, self._stall_seconds)
        await Transfers(self._host, grant.viewer, repo).upload(request, Wanted(oid, grant.size), body)
        return Response(status_code=200)

    async def locks(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        repo = await self._repository(request, viewer, "read")
        messages.check_accept(request)
        given = request.query_params
        found, cursor = await self._locks.listing(
            repo, given.get("cursor"), given.get("limit"), given.get("path", ""), given.get("id", "")
        )
        return Reply({"locks": [lock.shown() for lock in found]} | ({"next_cursor": cursor} if cursor else {}))

    async def lock(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        repo = await self._repository(request, viewer, "write")
        asked = await messages.document(request, self._stall_seconds)
        try:
            lock = await self._locks.add(repo, _person(viewer), asked.get("path"))
        except AlreadyLocked as error:
            return Reply({"lock": error.lock.shown(), "message": error.message}, 409)
        return Reply({"lock": lock.shown()}, 201)

    async def verify_locks(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        repo = await self._found_or_new(request, viewer, "write")
        asked = await messages.document(request, self._stall_seconds)
        if not repo:
            return Reply({"ours": [], "theirs": []})
        found, cursor = await self._locks.listing(repo, asked.get("cursor"), asked.get("limit"))
        user_id = viewer.user.id if viewer.user else 0  # a deploy key holds no locks
        ours = [lock.shown() for lock in found if lock.user_id == user_id]
        theirs = [lock.shown() for lock in found if lock.user_id != user_id]
        return Reply({"ours": ours, "theirs": theirs} | ({"next_cursor": cursor} if cursor else {}))

    async def unlock(self, request: Request) -> Response:
        viewer = await self._viewer(request)
        repo = await self._repository(request, viewer, "write")
        asked = await messages.document(request, self._stall_seconds)
        lock = await self._locks.remove(
            repo,
            _person(viewer),
            request.path_params["lock_id"],
            force=asked.get("force") is True,
            may_force=await self._host.access.may(viewer, repo, "admin"),
        )
        return Reply({"lock": lock.shown()})

    async def _sender(self, request: Request) -> Grant:
        """Whoever sent this: by a grant of ours, perhaps for one object only, else by what they sign in with."""
        grant = await grants.presented(self._host, request)
        return grant or Grant(await self._host.access.viewer(request), "", 0)

    async def _viewer(self, request: Request) -> Viewer:
        """Whoever sent this, with leave for more than one object."""
        grant = await self._sender(request)
        _check_oid(grant, "")
        return grant.viewer

    async def _repository(self, request: Request, viewer: Viewer, permission: Permission) -> Repository:
        return await self._host.access.repository(viewer, *_names(request), permission)

    async def _found_or_new(self, request: Request, viewer: Viewer, permission: Permission) -> Repository | None:
        """The repository; None for one that this viewer's push would make: git-lfs comes before git's own request."""
        owner, name = _names(request)
        if self._host.access.may_create(viewer, owner) and not await self._host.repositories.find(owner, name):
            names.repository_name(name)
            return None
        return await self._repository(request, viewer, permission)

    async def _writable(self, request: Request, viewer: Viewer, *, create: bool) -> Repository:
        if create and not await self._found_or_new(request, viewer, "write"):
            with contextlib.suppress(Conflict):  # made by another request a moment ago
                await self._host.repositories.create(_person(viewer), _names(request)[1])
        return await self._repository(request, viewer, "write")

    def _origin(self, request: Request) -> str:
        """This server's address for whoever sent the request: its public one, unless they came by an inner one."""
        config = self._host.config
        own = request.url.hostname == config.host_name
        return config.base_url if own else f"{request.url.scheme}://{request.url.netloc}"


def _names(request: Request) -> tuple[str, str]:
    return request.path_params["owner"], request.path_params["name"].removesuffix(".git")


def _person(viewer: Viewer) -> User:
    if not viewer.user:
        raise Forbidden("A deploy key is no person, and only people hold locks and make repositories.")
    return viewer.user


def _check_oid(grant: Grant, oid: str) -> None:
    if grant.oid not in ("", oid):
        raise Forbidden("This leave is for one other object; sign in, or ask for leave with a batch request.")
