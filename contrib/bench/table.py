"""Rows of Markdown as they are measured."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def row(what: str, measured: str) -> None:
    print(f"| {what} | {measured} |", flush=True)


def compare(what: str, ours: list[float], theirs: list[float]) -> None:
    a, b = statistics.median(ours), statistics.median(theirs)
    row(what, f"{a:.1f} ms · {b:.1f} ms · {b / a:.2f} × as fast")


def seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s (of {len(times)}: {min(times):.2f} to {max(times):.2f})"


def milliseconds(times: list[float]) -> str:
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered):.1f} ms, p95 {ordered[int(len(ordered) * 0.95)]:.1f} ms, of {len(ordered)}"


class SideBySide:
    """A table with a column for each server, ours first, and how many times better we are than the second."""

    def __init__(self, titles: Sequence[str]) -> None:
        print(f"| what | {' | '.join(titles)} | ratio |\n|---|{'---|' * len(titles)}---|", flush=True)

    def latencies(self, what: str, sides: Sequence[list[float]]) -> None:
        """Medians and 95th percentiles of times in ms; an empty list where there is nothing to measure."""
        cells = []
        for times in sides:
            ordered = sorted(times)
            high = ordered[int(len(ordered) * 0.95)] if times else 0.0
            cells.append(f"{_short(statistics.median(ordered))} / {_short(high)} ms" if times else "–")
        medians = [statistics.median(times) if times else None for times in sides]
        self._row(f"{what}, p50 / p95 of {len(sides[0])}", cells, medians)

    def amounts(
        self, what: str, sides: Sequence[float | None], unit: str, *, more_is_better: bool = False, judge: bool = True
    ) -> None:
        """One figure each; None where it could not be measured. `judge`: whether it is to anybody's credit."""
        cells = ["–" if amount is None else f"{_short(amount)} {unit}" for amount in sides]
        self._row(what, cells, sides if judge else [None] * len(sides), more_is_better=more_is_better)

    def _row(
        self, what: str, cells: Sequence[str], values: Sequence[float | None], *, more_is_better: bool = False
    ) -> None:
        ratio = "–"
        if len(values) > 1 and values[0] and values[1]:
            ratio = f"{_short(values[0] / values[1] if more_is_better else values[1] / values[0])} ×"
        print(f"| {what} | {' | '.join(cells)} | {ratio} |", flush=True)


def _short(amount: float) -> str:
    """Three digits, as far as there is no sense in more."""
    return f"{amount:.0f}" if amount >= 100 else f"{amount:.1f}" if amount >= 10 else f"{amount:.2f}"
