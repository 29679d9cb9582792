"""The states that a deployment goes through, and the ways between them that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

QUEUED, BUILDING, STARTING, READY = "queued", "building", "starting", "ready"
SLEEPING, FAILED, STOPPED = "sleeping", "failed", "stopped"

UNFINISHED = (QUEUED, BUILDING, STARTING)
"""On the way to the first time that it is ready, or to the next."""

WAYS: Mapping[str, frozenset[str]] = {
    "": frozenset((QUEUED, SLEEPING, FAILED)),
    QUEUED: frozenset((BUILDING, FAILED, STOPPED)),
    # Back to the queue when the server ended meanwhile; asleep where there was no room to start it.
    BUILDING: frozenset((STARTING, SLEEPING, FAILED, STOPPED, QUEUED)),
    STARTING: frozenset((READY, FAILED, STOPPED, QUEUED)),
    # It starts again when it has ended by itself; here and below, it is queued where what had been built is gone.
    READY: frozenset((STARTING, QUEUED, SLEEPING, FAILED, STOPPED)),
    SLEEPING: frozenset((STARTING, QUEUED, FAILED, STOPPED)),
    STOPPED: frozenset((STARTING, QUEUED)),
    FAILED: frozenset((STOPPED,)),
}


def check(before: str, after: str) -> None:
    """Raises AssertionError for a way that there is not: a mistake of ours, never of an app."""
    if before != after and after not in WAYS[before]:
        raise AssertionError(f"no deployment goes from {before!r} to {after!r}")
