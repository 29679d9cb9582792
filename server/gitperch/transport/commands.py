"""The beginning of a push: its commands, a line for each ref (gitprotocol-pack(5)), which git keeps in memory all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.errors import TooLarge
from gitperch.git import names
from gitperch.transport import packets
from gitperch.transport.hooks_pipe import Command
from gitperch.transport.policy import REFS_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Sequence

# More than may move, so that the pusher of a few too many reads a sentence about refs rather than a status.
LINES = 2 * REFS_AT_ONCE
BYTES = 16 << 20


async def bounded(body: AsyncIterable[bytes], seen: list[bytes]) -> AsyncIterator[bytes]:
    """`body` as it is; the lines of its commands are added to `seen`.

    Raises TooLarge where they are more than `LINES` or longer than `BYTES`.
    """
    ahead = b""  # what has come of a line that is not all here yet
    lines = passed = 0
    within = True
    async for chunk in body:
        if within:
            ahead += chunk
            at = 0
            while within and (size := packets.size(ahead, at)) <= len(ahead) - at:
                seen.append(ahead[at + 4 : at + size])
                at += size
                lines += 1
                within = size > len(b"0000")
            passed += len(chunk)
            ahead = ahead[at:] if within else b""
            if lines > LINES or (within and passed > BYTES):
                raise TooLarge(f"This push names more than {LINES} refs. At most {REFS_AT_ONCE} can move at once.")
        yield chunk


def split(body: bytes) -> tuple[list[bytes], bytes]:
    """The lines of the commands in a push that is all here, and what comes behind them."""
    lines, at = [], 0
    while (size := packets.size(body, at)) <= len(body) - at:
        lines.append(body[at + 4 : at + size])
        at += size
        if size == len(b"0000"):
            break
    return lines, body[at:]


def parsed(lines: Sequence[bytes]) -> tuple[frozenset[bytes], list[Command] | None]:
    """The capabilities that the pusher chose, and its commands; None for those of a kind that is git's to read (a signed push).

    Lines of a shallow clone's boundary come first, and the capabilities with the first line that is not one of them.
    """
    capabilities: frozenset[bytes] = frozenset()
    found = []
    for line in lines:
        command, _, chosen = line.rstrip(b"\n").partition(b"\0")
        capabilities |= frozenset(chosen.split())
        words = command.decode("utf-8", "surrogateescape").split(" ", 2)
        if len(words) == 3 and all(map(names.is_oid, words[:2])):
            found.append(Command(*words))
        elif command and words[0] != "shallow":
            return capabilities, None
    return capabilities, found
