"""How much of what all share one visitor may hold at a time."""

from __future__ import annotations

import ipaddress
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitperch.errors import Busy

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from starlette.types import Scope


class Turns:
    """`places`, of which a quarter is never one visitor's alone: somebody else's first request finds one free."""

    def __init__(self, places: int, words: str) -> None:
        """`words` are for whoever finds none."""
        self._places = places
        self._most = places - places // 4
        self._words = words
        self._taken: dict[Hashable, int] = {}

    @contextmanager
    def turn(self, visitor: str, what: Hashable = None) -> Iterator[None]:
        """One of the places of `what`, while the block runs. Raises Busy."""
        taken, own = self._taken, (what, visitor)
        places, held = taken.get(what, 0), taken.get(own, 0)
        if places >= self._places or held >= self._most:
            raise Busy(self._words)
        taken[what], taken[own] = places + 1, held + 1
        try:
            yield
        finally:
            for key in (what, own):
                if taken[key] == 1:
                    del taken[key]
                else:
                    taken[key] -= 1


def visitor_of(scope: Scope) -> str:
    """Where a request comes from: its address, or of IPv6 the network that one line to the world usually has for itself."""
    client: str = scope["client"][0] if scope.get("client") else ""
    if ":" not in client:
        return client
    try:
        address = ipaddress.IPv6Address(client)
    except ValueError:
        return client
    return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address) >> 64 << 64))
