"""The range of days that somebody asks about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest
from gitperch_insights.periods import date_of, day_at

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTHS_AT_MOST = 1200


@dataclass(frozen=True)
class Range:
    """From the day `first` to the day `last`, both of them included; None where it is open."""

    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], today: int) -> Range:
        """What `after` and `before`, or `months`, say. Raises BadRequest."""
        after, before, months = (query.get(name, "").strip() for name in ("after", "before", "months"))
        if months:
            if after or before:
                raise BadRequest("Give either months, or after and before, not both.", field="months")
            return cls(_months_ago(_number(months), today))
        found = cls(_day("after", after), _day("before", before))
        if found.first is not None and found.last is not None and found.first > found.last:
            raise BadRequest(f"after is {after}, later than before, {before}; change places.", field="after")
        return found


def _day(field: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return day_at(date.fromisoformat(text))
    except ValueError:
        raise BadRequest(f"{field} has to be a day written as 2026-01-31.", field=field) from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MONTHS_AT_MOST:
        raise BadRequest(f"months has to be a whole number from 1 to {MONTHS_AT_MOST}.", field="months")
    return int(text[:9])


def _months_ago(months: int, today: int) -> int:
    """The day after the one that was so many months ago: today, a month's last day stands for those that the month lacks."""
    when = date_of(today)
    year, month = divmod(12 * when.year + when.month - 1 - months, 12)
    for day in (when.day, 30, 29, 28):
        try:
            return day_at(date(year, month + 1, day)) + 1
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
