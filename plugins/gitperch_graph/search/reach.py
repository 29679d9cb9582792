"""What refs reach, found from the top down as far as somebody looks."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from fnmatch import fnmatchcase
from itertools import compress
from typing import TYPE_CHECKING

from gitperch_graph.base import FAR
from gitperch_graph.lanes import ABSENT
from gitperch_graph.search.manners import give_way

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitperch_graph.base import Base
    from gitperch_graph.refs import Ref, Refs
    from gitperch_graph.row_index import RowIndex

PREFIXES = {"branch": "refs/heads/", "tag": "refs/tags/"}
_WILD = frozenset("*?[")
_CHUNK = 4096
_BYTES = 3 << 20


def refs_called(refs: Refs, key: str, value: str) -> list[Ref]:
    """The branches or tags (`key`) with the name `value`, short or full, or with names that fit it as a glob."""
    prefix = PREFIXES[key]
    wanted = prefix + value.removeprefix(prefix)
    exact = refs.get(wanted)
    if exact or _WILD.isdisjoint(value):
        return [exact] if exact else []
    return [ref for ref in refs if ref.name.startswith(prefix) and fnmatchcase(ref.name, wanted)]


class Reach:
    """The heights that some tips reach, found out from the top down. For another thread than the event loop's, and only one."""

    def __init__(self, index: RowIndex, tips: Iterable[int]) -> None:
        self._index = index
        self._reached = bytearray(index.total)
        self._at = index.total
        for tip in tips:
            self._reached[tip] = 1

    def _down_to(self, low: int) -> None:
        """Find out about all heights from `low` on."""
        while self._at > low:
            begin = max(low, self._at - _CHUNK)
            if self._reached.find(1, begin, self._at) >= 0:
                floor = self._index.floor
                self._through_top(max(begin, floor), self._at)
                if self._index.base:
                    self._through_base(self._index.base, begin, min(self._at, floor))
                give_way()
            self._at = begin

    def _through_top(self, low: int, high: int) -> None:
        """What is reached between `low` and `high` reaches its parents."""
        for height in range(high - 1, low - 1, -1):
            if self._reached[height]:
                self._mark(self._index.top.row(height).parents)

    def _through_base(self, base: Base, low: int, high: int) -> None:
        """The same in the base, of whose arrays this is a plain loop: there may be a million of them."""
        reached, steps = self._reached, base.step[low:high].tolist()
        further = _further(base, low, high)
        for height in range(high - 1, low - 1, -1):
            if reached[height]:
                step = steps[height - low]
                if step != FAR:
                    reached[height - step] = 1  # itself, where it has no parent
                if height in further:
                    self._mark(further[height])

    def _mark(self, parents: Iterable[int]) -> None:
        for parent in parents:
            if parent != ABSENT:
                self._reached[parent] = 1

    def between(self, low: int, high: int) -> list[int]:
        """The heights from `low` up to `high` that are reached."""
        self._down_to(low)
        return list(compress(range(low, high), self._reached[low:high]))

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self._reached)


def _further(base: Base, low: int, high: int) -> dict[int, list[int]]:
    """The parents that are no first parents, or far, of the commits between `low` and `high`."""
    first, end = (bisect_left(base.more_child, height) for height in (low, high))
    found: dict[int, list[int]] = {}
    for child, to in zip(base.more_child[first:end].tolist(), base.more_to[first:end].tolist(), strict=True):
        found.setdefault(child, []).append(to)
    return found


class Reaches:
    """What was found out last: somebody who types a search asks for the same refs again and again."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, frozenset[int]], Reach] = OrderedDict()

    def of(self, index: RowIndex, refs: Iterable[Ref]) -> Reach:
        tips = frozenset(ref.height for ref in refs if ref.height >= 0)
        key = (index.generation, tips)
        reach = self._found.setdefault(key, Reach(index, tips))
        self._found.move_to_end(key)
        while len(self._found) > 1 and sum(reach.size for reach in self._found.values()) > _BYTES:
            self._found.popitem(last=False)
        return reach
