"""The checksum at a pack's end, made once by all who send it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Checksum:
    """Several streams go over the same bytes in the same pieces; whoever is the first at a piece adds it."""

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._at = 0

    def fresh(self) -> Checksum:
        """Another of the same kind, for other bytes."""
        return Checksum(self._hash.name)

    def add(self, at: int, parts: Iterable[bytes | memoryview]) -> None:
        """`parts` are what is from `at` on. Nothing happens unless all before that, and nothing after, is in already."""
        if at == self._at:
            for part in parts:
                self._hash.update(part)
                self._at += len(part)

    def after(self, size: int) -> bytes:
        """The checksum of the first `size` bytes, which are all."""
        assert self._at == size  # noqa: S101 -- whoever asks has been everywhere
        return self._hash.digest()
