"""Leave for somebody to do one thing with large files, as a header that git-lfs sends back.

A grant says who asked, by which token or key, for which repository and perhaps for which object, signed and for an hour. It holds no
credentials and adds no rights: whom it names is looked up again at every use, with the access that they have then. So it works
over SSH too, where the client has no password for HTTP, and what is withdrawn meanwhile (a place among the collaborators, a token,
a key) is withdrawn here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch.accounts.access import Viewer
from gitperch.errors import BadRequest, Unauthorized
from gitperch.git import names

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitperch.host import Host

SCHEME = "RemoteAuth"  # git-lfs `docs/api/authentication.md`; nothing else here takes it
SECONDS = 3600
_PURPOSE = "lfs"


@dataclass(frozen=True)
class Grant:
    """`oid` is the only object it is for, of `size` bytes; "" stands for the whole of a repository's API."""

    viewer: Viewer
    oid: str
    size: int


def header(host: Host, viewer: Viewer, full_name: str, operation: str, oid: str = "", size: int = 0) -> dict[str, str]:
    """The header for an `operation` (download, upload) by `viewer`; none for somebody who is nobody."""
    if not viewer.is_known:
        return {}
    whose = [viewer.user.id if viewer.user else None, viewer.repo_id, viewer.token_id, viewer.key, viewer.deploys_for]
    rank = 1 if operation == "download" else viewer.rank
    value = [whose, rank, full_name.lower(), time.time(), oid, size]
    return {"Authorization": f"{SCHEME} {host.keys.sign(_PURPOSE, value)}"}


async def over_ssh(host: Host, viewer: Viewer, owner: str, name: str, operation: str) -> dict[str, Any]:
    """What `git-lfs-authenticate` answers (git-lfs `docs/api/server-discovery.md`).

    Raises BadRequest for an operation that there is not, and what access raises.
    """
    if operation not in ("download", "upload"):
        raise BadRequest("git-lfs-authenticate takes a path and an operation, which is download or upload.")
    if (
        operation == "upload"
        and not await host.repositories.find(owner, name)
        and host.access.may_create(viewer, owner)
    ):
        names.repository_name(name)  # made by the first upload, or by the push that git-lfs comes before
    else:
        await host.access.repository(viewer, owner, name, "write" if operation == "upload" else "read")
    return {
        "href": f"{host.config.base_url}/{owner}/{name}.git/info/lfs",
        "header": header(host, viewer, f"{owner}/{name}", operation),
        "expires_in": SECONDS,
    }


async def presented(host: Host, request: Request) -> Grant | None:
    """The grant that came with a request; None where none did. Raises Unauthorized for one that is wrong here, or over."""
    # A header that somebody has configured for all requests (`http.extraHeader`) comes besides, as a second line.
    for line in request.headers.getlist("authorization"):
        scheme, _, text = line.partition(" ")
        if scheme.lower() == SCHEME.lower():
            owner, name = request.path_params["owner"], request.path_params["name"].removesuffix(".git")
            return await _checked(host, text.strip(), f"{owner}/{name}".lower())
    return None


async def _checked(host: Host, text: str, full_name: str) -> Grant:
    value = host.keys.verify(_PURPOSE, text, SECONDS)
    if value and value[2] == full_name:
        (user_id, repo_id, token_id, key, deploys_for), rank, _, at, oid, size = value
        user = await host.people.by_id(user_id) if user_id is not None else None
        viewer = Viewer(user, rank, repo_id, token_id, deploys_for, key)
        if viewer.is_known and await _holds(host, viewer, at):
            return Grant(viewer, oid, size)
    raise Unauthorized("The leave for this transfer is for something else, over or withdrawn; ask for it anew.")


async def _holds(host: Host, viewer: Viewer, since: float) -> bool:
    """Whether what the viewer signed in with at the time `since` still lets them in."""
    if viewer.key:
        key = await host.ssh_keys.find(viewer.key)
        if viewer.user:
            return key is not None and key.user_id == viewer.user.id
        return key is not None and key.repo_id == viewer.repo_id and key.rank >= viewer.rank
    return viewer.token_id is None or await host.tokens.lives(viewer.token_id, since)
