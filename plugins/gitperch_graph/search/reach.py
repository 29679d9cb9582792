"""What refs reach, found from the top down as far as somebody looks."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gitperch_graph.lanes import ABSENT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from gitperch_graph.refs import Ref
    from gitperch_graph.row_index import RowIndex

PREFIXES = {"branch": "refs/heads/", "tag": "refs/tags/"}
_WILD = frozenset("*?[")


def refs_called(refs: Iterable[Ref], key: str, value: str) -> list[Ref]:
    """The branches or tags (`key`) with the name `value`, short or full, or with names that fit it as a glob."""
    prefix = PREFIXES[key]
    wanted = prefix + value.removeprefix(prefix)
    wild = not _WILD.isdisjoint(value)
    return [
        ref
        for ref in refs
        if ref.name == wanted or (wild and fnmatchcase(ref.name, wanted) and ref.name.startswith(prefix))
    ]


class Reach:
    """The heights that some tips reach: ask from the top down, and `down_to` what is asked for."""

    def __init__(self, index: RowIndex, tips: Iterable[int]) -> None:
        self._index = index
        self._reached = bytearray(index.total)
        self._at = index.total
        for tip in tips:
            self._reached[tip] = 1

    def down_to(self, low: int) -> None:
        """Find out about all heights from `low` on. For another thread than the event loop's."""
        reached, index = self._reached, self._index
        for height in range(self._at - 1, low - 1, -1):
            if reached[height]:
                for to, _ in index.edges(height):
                    if to != ABSENT:
                        reached[to] = 1
        self._at = min(self._at, low)

    def __contains__(self, height: object) -> bool:
        return isinstance(height, int) and self._reached[height] == 1

    def __len__(self) -> int:
        return len(self._reached)

    def __iter__(self) -> Iterator[int]:
        return (height for height, reached in enumerate(self._reached) if reached)


def heights(refs: Collection[Ref]) -> list[int]:
    return [ref.height for ref in refs if ref.height >= 0]
