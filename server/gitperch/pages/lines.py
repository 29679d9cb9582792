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
        lines = await asyncio.to_thread(_split, blob.data)
        start = max(0, first - 1) // AT_ONCE * AT_ONCE
        chosen = [line.decode("utf-8", "replace") for line in lines[start : start + AT_ONCE]]
        cut = any(len(text) > COLUMNS for text in chosen)
        key = (blob.oid, name, start)
        if key in self._kept:
            self._kept.move_to_end(key)
            kept = zlib.decompress(self._kept[key]).decode("utf-8").split("\n")
            return Window(start + 1, [Markup(line) for line in kept], len(lines))  # noqa: S704 -- made by `highlighted`
        waits = False
        if chosen and not cut:
            before = lines[max(0, start - LEAD) : start]
            try:
                async with asyncio.timeout(patience):
                    coloured = await _coloured(name, before, chosen)
            except TimeoutError:
                coloured, waits = None, True
            if coloured:
                self._keep(key, coloured)
                return Window(start + 1, coloured, len(lines))
        return Window(start + 1, [plain(text[:COLUMNS]) for text in chosen], len(lines), cut, waits)

    def _keep(self, key: tuple[str, str, int], lines: list[Markup]) -> None:
        packed = zlib.compress("\n".join(lines).encode("utf-8"), 2)
        self._size += len(packed) - len(self._kept.pop(key, b""))
        self._kept[key] = packed
        while self._size > KEPT_BYTES:
            self._size -= len(self._kept.popitem(last=False)[1])


async def _coloured(name: str, before: list[bytes], chosen: list[str]) -> list[Markup] | None:
    if before and len(max(before, key=len)) > COLUMNS:
        before = []
    text = "\n".join((*(line.decode("utf-8", "replace") for line in before), *chosen))
    drawn = await highlighted(name, text)
    return drawn[len(before) :] if drawn and len(drawn) == len(before) + len(chosen) else None


def _split(data: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in data.removesuffix(b"\n").split(b"\n")] if data else []
