"""The lines of a file as a page shows them: coloured where that is possible, a part at a time."""

from __future__ import annotations

import asyncio
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from gitperch.pages.highlight import highlighted, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitperch.git.objects import Blob

AT_ONCE = 500  # lines that one answer holds
LEAD = 500  # lines before them that are read for their colours: what they are inside of
COLUMNS = 4000  # characters of a line that are shown
KEPT_BYTES = 2 << 20
BLOCK = 16 << 10


@dataclass(frozen=True)
class Window:
    """`lines` from number `first` on (1 is the first) of `total`. `cut`: some are longer than what is shown.

    `waits`: there may be colours for whoever asks again with more patience.
    """

    first: int
    lines: Sequence[Markup]
    total: int
    cut: bool = False
    waits: bool = False

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1


class Lines:
    """Makes windows, and keeps the colours of those that were shown last, compressed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._size = 0

    async def window(self, blob: Blob, name: str, first: int, patience: float) -> Window:
        """Up to `AT_ONCE` lines of the text `blob`, `first` among them, in colours if they are there within `patience` seconds.

        The language is told by `name`. Beyond the end there are no lines.
        """
        total = await asyncio.to_thread(_count, blob.data)
        start = max(0, min(first, total) - 1) // AT_ONCE * AT_ONCE
        key = (blob.oid, name, start)
        if key in self._kept:
            self._kept.move_to_end(key)
            kept = zlib.decompress(self._kept[key]).decode("utf-8").split("\n")
            return Window(start + 1, [Markup(line) for line in kept], total)  # noqa: S704 -- made by `highlighted`
        before, chosen = await asyncio.to_thread(_taken, blob.data, start, min(total, start + AT_ONCE))
        cut, waits = any(len(text) > COLUMNS for text in chosen), False
        if chosen and not cut:
            try:
                async with asyncio.timeout(patience):
                    coloured = await _coloured(name, before, chosen)
            except TimeoutError:
                coloured, waits = None, True
            if coloured:
                self._keep(key, coloured)
                return Window(start + 1, coloured, total)
        return Window(start + 1, [plain(text[:COLUMNS]) for text in chosen], total, cut, waits)

    def _keep(self, key: tuple[str, str, int], lines: list[Markup]) -> None:
        packed = zlib.compress("\n".join(lines).encode("utf-8"), 2)
        self._size += len(packed) - len(self._kept.pop(key, b""))
        self._kept[key] = packed
        while self._size > KEPT_BYTES:
            self._size -= len(self._kept.popitem(last=False)[1])


async def _coloured(name: str, before: list[str], chosen: list[str]) -> list[Markup] | None:
    drawn = await highlighted(name, "\n".join((*before, *chosen)))
    return drawn[len(before) :] if drawn and len(drawn) == len(before) + len(chosen) else None


def _count(data: bytes) -> int:
    return data.count(b"\n") + (not data.endswith(b"\n")) if data else 0


def _taken(data: bytes, start: int, end: int) -> tuple[list[str], list[str]]:
    """Some lines before line `start` (from 0 on; none where they are too long), and those from there up to `end`."""
    lead = max(0, start - LEAD)
    first = _offset(data, 0, lead)
    middle = _offset(data, first, start - lead)
    before = _texts(data[first:middle], start - lead)
    chosen = _texts(data[middle : _offset(data, middle, end - start)], end - start)
    return ([] if any(len(text) > COLUMNS for text in before) else before), chosen


def _offset(data: bytes, at: int, lines: int) -> int:
    """Where a line begins, `lines` after the one at `at`. A list of all lines would be many times as large as the file."""
    while lines:
        block = data.count(b"\n", at, at + BLOCK)
        if block >= lines or at >= len(data):
            break
        lines -= block
        at += BLOCK
    for _ in range(lines):
        at = data.find(b"\n", at) + 1 or len(data)
    return at


def _texts(data: bytes, count: int) -> list[str]:
    lines = data.split(b"\n")[:count]
    # A character has at most four bytes; one more than is shown tells that there are more.
    return [line.removesuffix(b"\r")[: 4 * COLUMNS + 4].decode("utf-8", "replace") for line in lines]
