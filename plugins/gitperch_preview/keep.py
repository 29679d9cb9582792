"""What is kept a while in memory, within bounds."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values used last, at most `room` of them by `weight` (default: one each), for at most `seconds`."""

    def __init__(self, room: int, seconds: float = float("inf"), weight: Callable[[V], int] = lambda _: 1) -> None:
        self._room = room
        self._seconds = seconds
        self._weight = weight
        self._used = 0
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        kept = self._values.get(key)
        if kept is None or kept[0] < time.monotonic():
            return None
        self._values.move_to_end(key)
        return kept[1]

    def put(self, key: K, value: V, seconds: float | None = None) -> V:
        """Keep `value`, for `seconds` if given; the value. One that alone would need over an eighth of the room is not kept."""
        self.drop(key)
        if self._weight(value) * 8 <= self._room:
            self._values[key] = (time.monotonic() + (self._seconds if seconds is None else seconds), value)
            self._used += self._weight(value)
            while self._used > self._room:
                self.drop(next(iter(self._values)))
        return value

    def drop(self, key: K) -> None:
        kept = self._values.pop(key, None)
        if kept:
            self._used -= self._weight(kept[1])

    def drop_if(self, wanted: Callable[[K, V], bool]) -> None:
        for key in [key for key, (_, value) in self._values.items() if wanted(key, value)]:
            self.drop(key)
