"""Who listens to which repository, and how many may."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from gitperch.errors import Busy, TooMany
from gitperch.events import Event, RepositoryChanged, RepositoryDeleted
from gitperch_live.mailbox import letter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_live.mailbox import Letter

PER_ADDRESS = 64
IN_ALL = 1000


class Listener(Protocol):
    """A socket as the hub sees it. Neither method may wait."""

    def offer(self, item: Letter) -> None: ...
    def doubt(self) -> None:
        """Who may read the repository may have changed: ask again before the next message."""

    def leave(self) -> None:
        """The server stops."""


class Hub:
    """Hands every live event of a repository to the sockets that are open on it; serialised once, never waiting for any."""

    def __init__(self, per_address: int = PER_ADDRESS, in_all: int = IN_ALL) -> None:
        self._per_address = per_address
        self._in_all = in_all
        self._addresses: Counter[str] = Counter()
        self._rooms: dict[int, set[Listener]] = {}

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """One of the places for open sockets. Raises TooMany or Busy when they are taken."""
        if self._addresses[address] >= self._per_address:
            raise TooMany(
                f"There are {self._per_address} live connections from your address already; close some pages and try again."
            )
        if self._addresses.total() >= self._in_all:
            raise Busy(f"All {self._in_all} live connections of this server are taken; try again in a moment.")
        self._addresses[address] += 1
        try:
            yield
        finally:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    @contextmanager
    def listening(self, repo_id: int, listener: Listener) -> Iterator[None]:
        """Inside, `listener` is offered every live event of the repository."""
        room = self._rooms.setdefault(repo_id, set())
        room.add(listener)
        try:
            yield
        finally:
            room.discard(listener)
            if not room:
                self._rooms.pop(repo_id, None)

    def publish(self, event: Event) -> None:
        room = self._rooms.get(event.repo_id)
        if not room:
            return
        if isinstance(event, RepositoryChanged | RepositoryDeleted):
            for listener in room:
                listener.doubt()
        if event.live:
            item = letter_of(event)
            for listener in room:
                listener.offer(item)

    def close(self) -> None:
        """Send everybody away: the server stops."""
        for room in self._rooms.values():
            for listener in room:
                listener.leave()


def letter_of(event: Event) -> Letter:
    return letter(event.id, event.kind, **event.payload())


def live_kinds() -> list[str]:
    """The kinds of all events that are forwarded, whichever plugin defined them."""

    def below(cls: type[Event]) -> Iterator[type[Event]]:
        for child in cls.__subclasses__():
            yield child
            yield from below(child)

    return sorted({cls.kind for cls in below(Event) if cls.live})
