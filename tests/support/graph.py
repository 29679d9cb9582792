"""What is true of a history by git's own account, and whether a graph shows just that."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch_graph import windows
from support.server import git

if TYPE_CHECKING:
    from pathlib import Path

    from gitperch_graph.row_index import RowIndex

Row = dict[str, Any]
Window = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """Parents and corrected date of every commit that branches, tags and HEAD reach; HEAD's first parents, newest first."""

    parents: dict[str, list[str]]
    dates: dict[str, int]
    chain: list[str]

    @property
    def order(self) -> list[str]:
        return sorted(self.parents, key=lambda oid: (-self.dates[oid], oid))


def facts(path: Path) -> Facts:
    born = git("rev-parse", "--quiet", "--verify", "HEAD", cwd=path).returncode == 0
    asked = ["--branches", "--tags", "--glob=refs/stashes/*", *(["HEAD"] if born else [])]
    lines = git("rev-list", "--topo-order", "--timestamp", "--parents", *asked, cwd=path).stdout.splitlines()
    parents: dict[str, list[str]] = {}
    dates: dict[str, int] = {}
    for line in reversed(lines):
        time, oid, *above = line.split()
        parents[oid] = above
        dates[oid] = max([int(time), 1, *(dates[parent] + 1 for parent in above)])
    chain = git("rev-list", "--first-parent", "HEAD", cwd=path).stdout.split() if born else []
    stashes = git("for-each-ref", "--format=%(objectname)", "refs/stashes", cwd=path).stdout.split()
    if stashes:
        parents = _reached(
            _with_stashes_alone(parents, stashes), git("rev-list", "--no-walk", *asked, cwd=path).stdout.split()
        )
    return Facts(parents, dates, chain)


def _with_stashes_alone(parents: dict[str, list[str]], stashes: list[str]) -> dict[str, list[str]]:
    """A stash has one parent, and what git made beside it belongs to it."""
    return {
        oid: above[:1] if oid in stashes and 1 < len(above) < 4 and parents[above[1]] == above[:1] else above
        for oid, above in parents.items()
    }


def _reached(parents: dict[str, list[str]], tips: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    waiting = [tip for tip in tips if tip in parents]
    while waiting:
        oid = waiting.pop()
        if oid not in found:
            found[oid] = parents[oid]
            waiting += parents[oid]
    return found


def window(index: RowIndex, at: int, rows: int) -> Window:
    """A window as the API gives it, without authors and subjects."""
    return windows.window(index, windows.place(index, str(at), rows), rows, _nothing)


def whole(index: RowIndex) -> Window:
    return window(index, 0, index.total)


def _nothing(oid: str, /) -> tuple[str, bytes]:
    raise KeyError(oid)


def check(graph: Window, known: Facts) -> None:
    """That `graph`, all of it, shows every commit and every edge once, in order, and none across another."""
    rows = graph["rows"]
    assert [row["row"] for row in rows] == list(range(graph["total"]))
    assert [row["oid"] for row in rows] == known.order, "the rows are by corrected date, then by oid"
    for row in rows:
        below = [rows[parent]["oid"] for parent in row["parents"] if parent >= 0]
        assert below == known.parents[row["oid"]]
        assert all(parent > row["row"] for parent in row["parents"] if parent >= 0), "parents are below children"
        assert len(row["edges"]) == len(row["parents"])
        assert max([row["lane"], *row["edges"]]) < graph["lanes"]
    check_lanes(rows)
    check_default_branch(rows, known.chain)


def check_lanes(rows: list[Row]) -> None:
    """That in no lane an edge passes a commit that is not its end, or lies on an edge to another commit."""
    nodes = defaultdict(list)
    edges = defaultdict(set)
    for row in rows:
        nodes[row["lane"]].append(row["row"])
        for parent, lane in zip(row["parents"], row["edges"], strict=True):
            # It leaves the child below its row, and is in its lane down to the row above the parent's.
            if parent > row["row"] + 1:
                edges[lane].add((row["row"] + 1, parent - 1, parent))
    for lane, passing in edges.items():
        taken = sorted([*passing, *((row, row, -1) for row in nodes[lane])])
        last, owner = -1, -1
        for begin, end, parent in taken:
            assert begin > last or (parent == owner and parent >= 0), f"lane {lane} is taken twice in row {begin}"
            if end >= last:
                last, owner = end, parent


def check_default_branch(rows: list[Row], chain: list[str]) -> None:
    """That it stands in lane 0, alone, and runs straight."""
    if not chain:
        return
    assert [row["oid"] for row in rows if row["lane"] == 0] == chain
    on_chain = set(chain)
    for row in rows:
        for nth, lane in enumerate(row["edges"]):
            straight = row["oid"] in on_chain and nth == 0
            assert straight == (lane == 0) or row["parents"][nth] < 0


def check_windows(index: RowIndex, starts: list[int], rows: int) -> None:
    """That each window is a slice of the whole, with the edges that come into it from above."""
    everything = whole(index)["rows"]
    for at in starts:
        seen = window(index, at, rows)
        assert seen["rows"] == everything[at : at + rows]
        assert seen["at"] == min(at, index.total)
        above = {
            (lane, parent)
            for row in everything[:at]
            for parent, lane in zip(row["parents"], row["edges"], strict=True)
            if parent >= at
        }
        assert seen["passing"] == sorted([lane, parent] for lane, parent in above)
