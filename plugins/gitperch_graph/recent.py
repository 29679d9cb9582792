"""The answers given last, since everybody who looks on when a push arrives asks for the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Recent:
    """Bodies by what they answer, at most `size` bytes of them, and whether each is packed."""

    def __init__(self, size: int) -> None:
        self._most = size
        self._bodies: OrderedDict[Hashable, tuple[bytes, bool]] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable) -> tuple[bytes, bool] | None:
        found = self._bodies.get(key)
        if found:
            self._bodies.move_to_end(key)
        return found

    def keep(self, key: Hashable, answer: tuple[bytes, bool]) -> None:
        if key in self._bodies:
            return
        self._bodies[key] = answer
        self._size += len(answer[0])
        while self._size > self._most:
            _, (body, _) = self._bodies.popitem(last=False)
            self._size -= len(body)
