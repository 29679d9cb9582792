"""What became of the clones that were asked for, for whoever looks after the server."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass
class Counters:
    virtual: int = 0
    """Answered from a base pack as it lies on disk."""
    tails: int = 0
    """Small packs made of what came after a base pack."""
    hits: int = 0
    """Answered with what git said to somebody else, then or now."""
    fills: int = 0
    """Answers that git was asked for."""
    failed: int = 0
    """Fills that did not come to their end."""
    passed: int = 0
    """Fills for which the disk had no room."""
    evictions: int = 0
    bytes_sent: int = 0
    bytes_on_disk: int = 0
    bytes_in_memory: int = 0

    def __str__(self) -> str:
        return ", ".join(
            f"{value} {name.replace('_', ' ')}" for name, value in dataclasses.asdict(self).items() if value
        )
