"""What the transport is asked, and what it is given to serve."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from gitperch.transport.hooks_pipe import Receiver

Service = Literal["git-upload-pack", "git-receive-pack", "git-upload-archive"]
SERVICES: dict[str, Service] = {
    "git-upload-pack": "git-upload-pack",
    "git-receive-pack": "git-receive-pack",
    "git-upload-archive": "git-upload-archive",
}


@dataclass(frozen=True)
class GitRequest:
    """What a git client wants of a repository, by its address and method alone."""

    connection: HTTPConnection
    path: str
    """The repository's part of the URL path, decoded, below the place where the transport is mounted: `/group/name.git`."""
    service: Service | None
    """None for a file of the dumb protocol."""
    advertise: bool = False
    """It only asks which refs there are, or whether it may: nothing has to be made for it."""

    @property
    def writes(self) -> bool:
        return self.service == "git-receive-pack"

    @property
    def client(self) -> str:
        """The address that it comes from, "" where the server does not know."""
        return self.connection.client.host if self.connection.client else ""

    @property
    def basic(self) -> tuple[str, str] | None:
        """User name and password of Basic authentication (RFC 7617); None where it sent none that can be read."""
        scheme, _, value = self.connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None


@dataclass(frozen=True)
class Opened:
    """A repository that this request may have."""

    path: Path
    receiver: Receiver | None = None
    """Hears of a push's refs before and after they move; without one, the repository's own hooks do."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For git's processes, over the server's own. `GIT_PROTOCOL` in it goes before what the client says."""
    plain: bool = False
    """Its configuration and environment say nothing about what may be fetched, so that answers may be made without git."""
    filters: bool = True
    """Whether partial clones are allowed, where it is `plain`."""
    settings: object = None
    """Another object when configuration outside the repository, as far as it matters, may have become another."""
    shown_only: bool = False
    """Whether protocol v2 is held to the rule of the older ones: a commit may be wanted if a ref that is shown reaches it."""
    client: str = ""
    """Who shares the server's attention with others: requests of one client wait for each other first."""
    complain: Callable[[str], None] | None = None
    """Hears what git says to standard error when it fails, where the client has a place for that."""
    ends: bool = True
    """Whether clients say that they have sent all. Over SSH many wait for the answer first, and only git sees that a pack is whole."""

    def speaking(self, protocol: str) -> dict[str, str]:
        """The environment with what git is told of the protocol's version, "" for nothing."""
        return {**self.environment, **({"GIT_PROTOCOL": protocol} if protocol else {})}


class Backend(Protocol):
    async def open(self, request: GitRequest) -> Opened:
        """The repository for a request.

        Raises AppError: Unauthorized with wrong or missing credentials, NotFound, Forbidden.
        """

    async def ended(self, opened: Opened, *, told: bool) -> None:
        """A push is over. `told` is False when refs may have moved without a word to the receiver."""
