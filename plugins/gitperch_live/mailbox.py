"""What waits for one socket: bounded, so that a client that takes nothing costs nothing."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass

MESSAGES = 100
CHARACTERS = 1 << 20


@dataclass(frozen=True)
class Letter:
    """One message as it goes over the wire; `id` is that of the newest event it tells of."""

    id: int
    text: str

    def of(self, repository: str) -> Letter:
        """The same with the field `repository`, for whoever listens to several."""
        return Letter(self.id, f'{self.text[:-1]},"repository":{json.dumps(repository)}}}')


def letter(event_id: int, kind: str, **fields: object) -> Letter:
    return Letter(event_id, json.dumps({"id": event_id, "type": kind, **fields}, separators=(",", ":")))


class Mailbox:
    """A queue that never blocks who fills it. When it is full, all that waits gives way to one `resync`:
    the client asks anew for what it shows, so nothing that was dropped is missed."""

    def __init__(self, messages: int = MESSAGES, characters: int = CHARACTERS) -> None:
        self._messages = messages
        self._characters = characters
        self._waiting: deque[Letter] = deque()
        self._length = 0
        self._filled = asyncio.Event()

    def put(self, item: Letter) -> None:
        if len(self._waiting) >= self._messages or self._length + len(item.text) > self._characters:
            self._waiting.clear()
            self._length = 0
            item = letter(item.id, "resync")
        self._waiting.append(item)
        self._length += len(item.text)
        self._filled.set()

    def stir(self) -> None:
        """Let whoever waits in `get` look up, even though nothing has come."""
        self._filled.set()

    async def get(self, timeout: float) -> Letter | None:
        """The oldest letter; None when `timeout` seconds went by without one, or after `stir`."""
        if not self._waiting:
            self._filled.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._filled.wait()
            except TimeoutError:
                return None
        if not self._waiting:
            return None
        item = self._waiting.popleft()
        self._length -= len(item.text)
        return item
