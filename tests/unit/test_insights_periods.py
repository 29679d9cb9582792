"""Any range of days is put together from days, months and years, each day once."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gitperch.errors import BadRequest
from gitperch_insights.periods import EVER, FIRST_DAY, LAST_DAY, day_at, periods_of, spans
from gitperch_insights.ranges import Range

DAYS = st.integers(min_value=0, max_value=20_000)


@given(DAYS, DAYS)
def test_spans_hold_each_day_of_a_range_once_and_no_other(one: int, two: int) -> None:
    first, last = sorted((one, two))
    found = spans(first, last)
    for day in {
        first,
        last,
        (first + last) // 2,
        max(first - 1, 0),
        last + 1,
        min(first + 45, last),
        max(last - 45, first),
    }:
        held = sum(low <= period <= high for low, high in found for period in periods_of(day))
        assert held == (first <= day <= last), day
    assert len(found) <= 5


def test_all_time_is_one_period() -> None:
    assert spans(FIRST_DAY, LAST_DAY) == [(EVER, EVER)]


def test_months_count_back_from_today_also_to_months_that_are_shorter() -> None:
    for today, months, first in (
        ("2026-11-21", 12, "2025-11-22"),
        ("2026-05-31", 3, "2026-03-01"),
        ("2024-03-31", 1, "2024-03-01"),
    ):
        found = Range.of({"months": str(months)}, day_at(date.fromisoformat(today)))
        assert found == Range(day_at(date.fromisoformat(first)), None)


@given(st.text())
def test_whatever_is_given_as_a_day_is_a_day_or_refused_by_name(text: str) -> None:
    wrong: list[str | None] = []
    try:
        Range.of({"after": text}, 20_000)
    except BadRequest as error:
        wrong.append(error.field)
    assert wrong in ([], ["after"])
