"""What the transport is given to serve, and by whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from gitperch.transport.hooks_pipe import Receiver

Service = Literal["git-upload-pack", "git-receive-pack"]
SERVICES: dict[str, Service] = {"git-upload-pack": "git-upload-pack", "git-receive-pack": "git-receive-pack"}


@dataclass(frozen=True)
class Opened:
    """A repository that this request may have."""

    path: Path
    receiver: Receiver | None = None
    """Hears of a push's refs before and after they move; without one, the repository's own hooks do."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For git's processes, over the server's own."""
    plain: bool = False
    """Its configuration and environment say nothing about what may be fetched, so that answers may be made without git."""
    client: str = ""
    """Who shares the server's attention with others: requests of one client wait for each other first."""


class Backend(Protocol):
    async def open(
        self, connection: HTTPConnection, owner: str, name: str, service: Service, *, advertise: bool
    ) -> Opened:
        """The repository for a request. `advertise`: it only asks which refs there are, or whether it may.

        Raises AppError: Unauthorized with wrong or missing credentials, NotFound, Forbidden.
        """

    async def ended(self, opened: Opened, *, told: bool) -> None:
        """A push is over. `told` is False when refs may have moved without a word to the receiver."""
