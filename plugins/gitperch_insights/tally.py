"""Sums over commits, on their way into the store."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING

from gitperch_insights.periods import day_of

if TYPE_CHECKING:
    from gitperch_insights.records import Record

FILES = 1000
"""A commit that changes more files than this is an import or a sweep: its files count neither as hot spots nor as rework."""

BOUNDS = (0, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""The largest number of lines of each size of a change; what is beyond is the last size."""

HOURS = 168
"""Cells below are hours of the week from Monday 0:00 on, those from here on sizes."""


class Tally:
    """What so many commits add to, or, with a sign of -1, take from each day's sums."""

    def __init__(self) -> None:
        self.days: dict[int, list[int]] = defaultdict(lambda: [0] * 5)
        self.authors: dict[tuple[int, tuple[str, str]], list[int]] = defaultdict(lambda: [0] * 4)
        self.cells: dict[tuple[int, int], int] = defaultdict(int)
        self.files: dict[tuple[int, bytes], list[int]] = defaultdict(lambda: [0] * 3)

    @property
    def size(self) -> int:
        """How many sums there are."""
        return len(self.authors) + len(self.cells) + len(self.files)

    def add(self, record: Record, sign: int) -> None:
        day = day_of(record.committed_at)
        merge = len(record.parents) > 1
        added = sum(change.added for change in record.changes)
        deleted = sum(change.deleted for change in record.changes)
        _sum(self.days[day], sign, 1, merge, added, deleted, record.unread)
        _sum(self.authors[day, record.author], sign, 1, merge, added, deleted)
        self.cells[day, hour_of_week(record.local_at)] += sign
        if merge or record.unread:
            return
        self.cells[day, HOURS + bisect_left(BOUNDS, added + deleted)] += sign
        if len(record.changes) <= FILES:
            for change in record.changes:
                _sum(self.files[day, change.path], sign, 1, change.added, change.deleted)


def hour_of_week(local_at: int) -> int:
    """0 is Monday from 0:00 to 0:59, by the clock that showed `local_at` as seconds since 1970 in its own zone."""
    return (local_at // 86_400 + 3) % 7 * 24 + local_at % 86_400 // 3600


def _sum(sums: list[int], sign: int, *more: int) -> None:
    for at, value in enumerate(more):
        sums[at] += sign * value
