"""Points in time as people type them: `7d`, `2w`, `3m`, `1y`, `2024`, `2024-05`, `2024-05-17`, `yesterday`, Unix seconds. All in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGO = re.compile(r"(\d{1,5})([hdwmy])")
_DAY = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_SECONDS = re.compile(r"-?\d{6,15}")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def moment(text: str, now: float) -> int | None:
    """Unix seconds; of a day, a month or a year its beginning. None for what is no time."""
    text = text.strip().lower()
    today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        if text in ("today", "yesterday"):
            return int((today - timedelta(days=text == "yesterday")).timestamp())
        if ago := _AGO.fullmatch(text):
            return _before(now, int(ago[1]), ago[2])
        if day := _DAY.fullmatch(text):
            return int(datetime(int(day[1]), int(day[2] or 1), int(day[3] or 1), tzinfo=UTC).timestamp())
        if _SECONDS.fullmatch(text):
            return int(text)
        found = datetime.fromisoformat(text.upper())
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None


def _before(now: float, count: int, unit: str) -> int:
    if unit in _HOURS:
        return int(now) - count * _HOURS[unit] * 3600
    then = datetime.fromtimestamp(now, UTC)
    months = then.year * 12 + then.month - 1 - count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    if year < 1:
        return 0
    first = then.replace(year=year, month=month + 1, day=1)
    return int((first + timedelta(days=min(then.day, _days(year, month + 1)) - 1)).timestamp())


def _days(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return (following - timedelta(days=1)).day
