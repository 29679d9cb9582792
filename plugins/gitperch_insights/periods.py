"""Days, and what they add up to: sums are kept for each day, month, year and for ever, so that any range is a few of them.

A period is a number: a day counts from 1 January 1970 (UTC), months, years and the one that is all time have numbers beyond.
"""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta

FIRST_DAY, LAST_DAY = 0, 65_535
"""What a commit's date is taken for that lies before 1970 or after 5 June 2149."""

EVER = 120_000
_MONTHS, _YEARS = 100_000, 110_000
_EPOCH = date(1970, 1, 1).toordinal()


def day_of(seconds: int) -> int:
    """The day of a time in Unix seconds."""
    return min(max(seconds // 86_400, FIRST_DAY), LAST_DAY)


def date_of(day: int) -> date:
    return date.fromordinal(_EPOCH + day)


def day_at(when: date) -> int:
    """The day of a date, as near to it as days go."""
    return min(max(when.toordinal() - _EPOCH, FIRST_DAY), LAST_DAY)


def today() -> int:
    return day_at(datetime.now(UTC).date())


@functools.lru_cache(8192)
def periods_of(day: int) -> tuple[int, int, int, int]:
    """The periods that a day belongs to, itself first."""
    when = date_of(day)
    years = when.year - 1970
    return day, _MONTHS + 12 * years + when.month - 1, _YEARS + years, EVER


def spans(first: int, last: int) -> list[tuple[int, int]]:
    """Runs of periods, each as its first and last number, that together are the days from `first` to `last`, both included."""
    if first <= FIRST_DAY and last >= LAST_DAY:
        return [(EVER, EVER)]
    found: list[tuple[int, int]] = []
    while first <= last:
        when = date_of(first)
        _, month, year, _ = periods_of(first)
        next_year = day_at(date(when.year + 1, 1, 1))
        next_month = day_at((when.replace(day=1) + timedelta(31)).replace(day=1))
        if (when.month, when.day) == (1, 1) and next_year <= last + 1:
            period, first = year, next_year
        elif when.day == 1 and next_month <= last + 1:
            period, first = month, next_month
        else:
            period, first = first, first + 1
        if found and found[-1][1] == period - 1:
            found[-1] = found[-1][0], period
        else:
            found.append((period, period))
    return found
