"""The beginning of a push: its commands, a line for each ref (gitprotocol-pack(5)), which git keeps in memory all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.errors import TooLarge
from gitperch.transport.policy import REFS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator

# More than may move, so that the pusher of a few too many reads a sentence about refs rather than a status.
LINES = 2 * REFS_AT_ONCE
BYTES = 16 << 20


async def bounded(body: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """`body` as it is. Raises TooLarge where its commands are more than `LINES` or longer than `BYTES`."""
    ahead = b""  # what has come of a line that is not all here yet
    lines = passed = 0
    within = True
    async for chunk in body:
        if within:
            ahead += chunk
            at = 0
            while within and (size := _size(ahead, at)) <= len(ahead) - at:
                at += size
                lines += 1
                within = size > len(b"0000")
            passed += len(chunk)
            ahead = ahead[at:] if within else b""
            if lines > LINES or (within and passed > BYTES):
                raise TooLarge(f"This push names more than {LINES} refs. At most {REFS_AT_ONCE} can move at once.")
        yield chunk


def _size(data: bytes, at: int) -> int:
    """The length of the line that begins at `at`; 4 for the flush packet that ends them, and for what git will not take."""
    header = data[at : at + 4]
    if len(header) < 4:
        return len(data) + 1  # more than there is
    try:
        return max(int(header, 16), 4)
    except ValueError:
        return 4
