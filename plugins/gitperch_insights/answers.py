"""The figures of a range of days, read from a store by a handful of queries: SQLite adds up, and lets other threads run meanwhile."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gitperch_insights.periods import FIRST_DAY, LAST_DAY, date_of, spans
from gitperch_insights.store import REWORK_DAYS
from gitperch_insights.tally import BOUNDS, HOURS

if TYPE_CHECKING:
    from gitperch_insights.ranges import Range
    from gitperch_insights.store import Store

AUTHORS = 100
FILES = 25
_WEEK_SUMS = ("commits", "merges", "added", "deleted", "tracked", "reworked")
_LONG_GAP = 260  # weeks
_STRAYS = 1000  # of so many commits, one may be dated by a wrong clock
_FIRST_AND_LAST = """
SELECT min(low), max(high) FROM (
  SELECT (SELECT min(period) FROM by_author WHERE author = id AND period BETWEEN ?1 AND ?2 AND period < 100000) AS low,
         (SELECT max(period) FROM by_author WHERE author = id AND period BETWEEN ?1 AND ?2 AND period < 100000) AS high
  FROM identities WHERE person = ?3)"""

Figures = dict[str, Any]


def figures(store: Store | None, asked: Range, today: int) -> Figures:
    """What the API gives of a range; of a repository without commits, so without a store, all zeros."""
    first = FIRST_DAY if asked.first is None else asked.first
    last = LAST_DAY if asked.last is None else asked.last
    weeks = _weeks(store, first, last) if store else {}
    totals = [sum(week[at] for week in weeks.values()) for at in range(len(_WEEK_SUMS))]
    commits, merges, added, deleted, tracked, reworked = totals
    shown, outside = _shown(weeks, asked, today)
    found: Figures = {
        "after": _text(asked.first),
        "before": _text(asked.last),
        "commits": commits,
        "merges": merges,
        "added": added,
        "deleted": deleted,
        "rework": {"days": REWORK_DAYS, "lines": tracked, "reworked": reworked},
        "weeks": {
            "first": date_of(7 * shown[0] - 3).isoformat() if shown else None,
            **{name: [weeks[w][at] if w in weeks else 0 for w in shown] for at, name in enumerate(_WEEK_SUMS)},
            "outside": outside,
        },
    }
    return found | (_of_store(store, first, last) if store else _nothing())


def _of_store(store: Store, first: int, last: int) -> Figures:
    """What needs no weeks."""
    run = store.connection.execute
    low, high, active, unread = run(
        "SELECT min(day), max(day), count(*), sum(unread) FROM days WHERE day BETWEEN ? AND ?", (first, last)
    ).fetchone()
    some = f"WITH spans (low, high) AS (VALUES {', '.join(f'({low}, {high})' for low, high in spans(first, last))})"
    cells = dict(run(f"{some} SELECT cell, sum(commits) {_joined('by_cell')} GROUP BY cell"))
    people, authors = _authors(store, some, first, last)
    files, hot_spots = _hot_spots(store, some)
    return {
        "first": _text(low),
        "last": _text(high),
        "active_days": active,
        "unread": unread or 0,
        "people": people,
        "files": files,
        "authors": authors,
        "hours": [[cells.get(24 * day + hour, 0) for hour in range(24)] for day in range(7)],
        "sizes": _sizes(cells),
        "hot_spots": hot_spots,
    }


def _nothing() -> Figures:
    return {
        "first": None,
        "last": None,
        **dict.fromkeys(("active_days", "unread", "people", "files"), 0),
        "authors": [],
        "hours": [[0] * 24 for _ in range(7)],
        "sizes": _sizes({}),
        "hot_spots": _no_hot_spots(),
    }


def _joined(table: str) -> str:
    return f"FROM spans JOIN {table} ON period BETWEEN low AND high"


def _weeks(store: Store, first: int, last: int) -> dict[int, tuple[int, ...]]:
    """Sums by week, of which number 0 began on Monday, 29 December 1969."""
    sums = ", ".join(f"sum({name})" for name in _WEEK_SUMS)
    rows = store.connection.execute(
        f"SELECT (day + 3) / 7, {sums} FROM days WHERE day BETWEEN ? AND ? GROUP BY 1 ORDER BY 1",  # noqa: S608 -- our own names
        (first, last),
    )
    return {week: tuple(sums) for week, *sums in rows}


def _shown(weeks: dict[int, tuple[int, ...]], asked: Range, today: int) -> tuple[range, int]:
    """The weeks of a chart, and how many commits are dated outside of it, by clocks that ran wrong."""
    if not weeks:
        return range(0), 0
    this = _week(today)
    first = _begin(weeks, list(weeks)) if asked.first is None else _week(asked.first)
    if asked.last is not None:
        last = min(_week(asked.last), max(this, *weeks))
    else:
        last = _begin(weeks, list(reversed(weeks))) if asked.first is None else this
    shown = range(first, last + 1)
    return shown, sum(week[0] for number, week in weeks.items() if number not in shown)


def _begin(weeks: dict[int, tuple[int, ...]], present: list[int]) -> int:
    """The first of the weeks `present`, but for single ones that lie years before the others."""
    few = sum(week[0] for week in weeks.values()) // _STRAYS
    skipped = 0
    for one, two in pairwise(present):
        skipped += weeks[one][0]
        if skipped > few:
            break
        if abs(two - one) > _LONG_GAP:
            return two
    return present[0]


def _week(day: int) -> int:
    return (day + 3) // 7


def _authors(store: Store, some: str, first: int, last: int) -> tuple[int, list[Figures]]:
    """How many people there are, and those with most commits."""
    run = store.connection.execute
    names = ("commits", "merges", "added", "deleted")
    ours = ", ".join(f"sum({name}) AS {name}" for name in names)
    rows = run(
        f"""{some}, sums AS (SELECT author, {ours} {_joined("by_author")} GROUP BY author)
        SELECT count(*) OVER (), person, {ours} FROM sums JOIN identities ON id = author GROUP BY person
        ORDER BY sum(commits) DESC, sum(added) + sum(deleted) DESC, person LIMIT {AUTHORS}"""  # noqa: S608 -- our own names
    ).fetchall()
    found = []
    for _, person, *sums in rows:
        name, email = run("SELECT name, email FROM people WHERE id = ?", (person,)).fetchone()
        low, high = run(_FIRST_AND_LAST, (first, last, person)).fetchone()
        dates = {"first": _text(low), "last": _text(high)}
        found.append({"name": name, "email": email, **dict(zip(names, sums, strict=True)), **dates})
    return (rows[0][0] if rows else 0), found


def _hot_spots(store: Store, some: str) -> tuple[int, Figures]:
    """How many files were changed, and those that were most often, or by most lines."""
    rows = store.connection.execute(
        f"""{some}, sums AS (
          SELECT file, sum(changes) AS changes, sum(added) AS added, sum(deleted) AS deleted {_joined("by_file")} GROUP BY file)
        SELECT '', count(*), 0, 0, 0 FROM sums
        UNION ALL SELECT * FROM (
          SELECT 'by_changes', * FROM sums ORDER BY changes DESC, added + deleted DESC, file LIMIT {FILES})
        UNION ALL SELECT * FROM (
          SELECT 'by_churn', * FROM sums ORDER BY added + deleted DESC, changes DESC, file LIMIT {FILES})"""  # noqa: S608
    ).fetchall()
    count, found = 0, _no_hot_spots()
    for order, file, *sums in rows:
        if not order:
            count = file
            continue
        path = store.connection.execute("SELECT path FROM files WHERE id = ?", (file,)).fetchone()[0]
        named = dict(zip(("changes", "added", "deleted"), sums, strict=True))
        found[order].append(_named(path) | named)
    return count, found


def _named(path: bytes) -> Figures:
    """The path, and how it stands in addresses where that cannot be told from its text."""
    try:
        return {"path": path.decode("utf-8")}
    except UnicodeDecodeError:
        return {"path": path.decode("utf-8", "replace"), "address": quote(path)}


def _no_hot_spots() -> dict[str, list[Figures]]:
    return {"by_changes": [], "by_churn": []}


def _sizes(cells: dict[int, int]) -> Figures:
    return {"up_to": [*BOUNDS, None], "commits": [cells.get(HOURS + at, 0) for at in range(len(BOUNDS) + 1)]}


def _text(day: int | None) -> str | None:
    return None if day is None else date_of(day).isoformat()
