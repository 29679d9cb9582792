"""What an action of the batch API carries: leave for one transfer, as a header that git-lfs sends back.

A grant says who asked, with which rights, and for which object, signed and for an hour. It holds no credentials, and adds no
rights: who it names is looked up again at every use, with the access that they have then. So it works over SSH too, where the
client has no password for HTTP, and what is withdrawn meanwhile (a place among the collaborators, a token) is withdrawn here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.accounts.access import Viewer
from gitperch.errors import Unauthorized

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from gitperch.host import Host
    from gitperch.repositories import Repository

SCHEME = "RemoteAuth"  # git-lfs `docs/api/authentication.md`; nothing else here takes it
SECONDS = 3600
_PURPOSE = "lfs"


@dataclass(frozen=True)
class Grant:
    """`oid` is the only object it is for, of `size` bytes; "" stands for the whole of a repository's API."""

    viewer: Viewer
    oid: str
    size: int


def header(
    host: Host, viewer: Viewer, repo: Repository, operation: str, oid: str = "", size: int = 0
) -> dict[str, str]:
    """The header for an `operation` (download, upload) by `viewer`; none for somebody who is nobody.

    Without an oid it is leave for the whole of the repository's API: what `git-lfs-authenticate` answers over SSH.
    """
    if not viewer.is_known:
        return {}
    only = repo.id if viewer.repo_id is None else viewer.repo_id
    rank = 1 if operation == "download" else viewer.rank
    user_id = viewer.user.id if viewer.user else None
    value = [user_id, rank, only, viewer.token_id, viewer.deploys_for, time.time(), oid, size]
    return {"Authorization": f"{SCHEME} {host.keys.sign(_PURPOSE, value)}"}


async def presented(host: Host, connection: HTTPConnection) -> Grant | None:
    """The grant that came with a request; None where none did. Raises Unauthorized for one that is wrong or over."""
    # A header that somebody has configured for all requests (`http.extraHeader`) comes besides, as a second line.
    for line in connection.headers.getlist("authorization"):
        scheme, _, text = line.partition(" ")
        if scheme.lower() == SCHEME.lower():
            return await _checked(host, text.strip())
    return None


async def _checked(host: Host, text: str) -> Grant:
    value = host.keys.verify(_PURPOSE, text, SECONDS)
    if value:
        user_id, rank, repo_id, token_id, deploys_for, at, oid, size = value
        user = await host.people.by_id(user_id) if user_id is not None else None
        viewer = Viewer(user, rank, repo_id, token_id, deploys_for)
        if viewer.is_known and (token_id is None or await host.tokens.lives(token_id, at)):
            return Grant(viewer, oid, size)
    raise Unauthorized("The leave for this transfer is over or withdrawn; ask for it again with a batch request.")
