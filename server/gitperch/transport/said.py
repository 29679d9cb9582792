"""Answers that were made from a listing, to be given again as long as it is the same, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    from gitperch.git.listing import Listing

LIMIT = 4 << 20  # bytes, of all repositories together: ten answers about four thousand refs
_EACH = 4 << 10  # bytes that an answer takes besides its own, with the question


class Said:
    """Remembers the answers that were given or asked for last."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._left = limit
        self._answers: dict[tuple[Path, Hashable], tuple[Listing, bytes]] = {}

    def again(self, path: Path, question: Hashable, listing: Listing) -> bytes | None:
        """What was answered to `question` about this very listing."""
        kept = self._answers.pop((path, question), None)
        if kept and kept[0] is listing:
            self._answers[path, question] = kept  # now the youngest
            return kept[1]
        self._left += len(kept[1]) + _EACH if kept else 0
        return None

    def remember(self, path: Path, question: Hashable, listing: Listing, answer: bytes) -> None:
        """`question` takes some kilobytes at most."""
        self.again(path, question, listing)  # which forgets one that is older
        if (path, question) in self._answers:
            return
        self._answers[path, question] = listing, answer
        self._left -= len(answer) + _EACH
        while self._left < 0:
            self._left += len(self._answers.pop(next(iter(self._answers)))[1]) + _EACH
