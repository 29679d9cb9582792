"""Lanes as SVG: the edges as a few paths, the commits as discs and rings. Nothing in it comes from a repository but numbers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_graph.sharing.picture import Drawn, Picture

HUES = 8
_DISC, _RING, _HEAD = 4.25, 4, 6.75
_CORNER = 12


def hue(lane: int) -> int:
    """The default branch has a colour of its own, the others share eight."""
    return 0 if lane == 0 else 1 + (lane - 1) % HUES


@dataclass(frozen=True)
class Grid:
    """Where things are, in px: lanes from `left` on, `pitch` apart, `lanes` of them in sight; rows from `top` on."""

    left: float
    top: float
    pitch: float
    row: float
    lanes: int

    def x(self, lane: int) -> float:
        return self.left + self.pitch * min(lane, self.lanes - 1)

    def y(self, row: float) -> float:
        return self.top + self.row * (row + 0.5)


def drawing(picture: Picture, grid: Grid) -> str:
    """Elements with the classes `e e0` … `e8` for edges, `n0` … `n8` for commits, `hole` behind them."""
    paths: defaultdict[int, list[str]] = defaultdict(list)
    for row, drawn in enumerate(picture.rows):
        for nth, parent in enumerate(drawn.parents):
            # A branch keeps its colour on the way home; a merge shows that of what came in.
            colour = hue(drawn.lane if nth == 0 else drawn.edges[nth])
            paths[colour].append("".join(_edge(picture, grid, row, parent, drawn.edges[nth], is_merged=nth > 0)))
    # The default branch last, over what crosses it.
    edges = [f'<path class="e e{colour}" d="{"".join(paths[colour])}"/>' for colour in sorted(paths, reverse=True)]
    return "".join([*edges, *(_node(picture, grid, row, drawn) for row, drawn in enumerate(picture.rows))])


def _edge(picture: Picture, grid: Grid, row: int, parent: int, lane: int, *, is_merged: bool) -> Iterator[str]:
    from_x, lane_x = grid.x(picture.rows[row].lane), grid.x(lane)
    if parent < 0:  # where a shallow history ends
        y = grid.y(row)
        yield f"M{from_x:g} {y + 9:g}v2.5m0 3v2.5"
        return
    yield f"M{from_x:g} {grid.y(row):g}"
    beyond = parent >= len(picture.rows)
    to_x = lane_x if beyond else grid.x(picture.rows[parent].lane)
    if parent == row + 1 and not beyond:
        yield _bend(from_x, grid.y(row), to_x, grid.y(parent), leaving=is_merged)
        return
    yield _bend(from_x, grid.y(row), lane_x, grid.y(row + 1), leaving=True)
    if beyond:
        yield f"V{grid.y(len(picture.rows)):g}"
        return
    yield f"V{grid.y(parent - 1):g}"
    yield _bend(lane_x, grid.y(parent - 1), to_x, grid.y(parent), leaving=False)


def _bend(x0: float, y0: float, x1: float, y1: float, *, leaving: bool) -> str:
    """From one lane into another, round a corner: level with the upper end where `leaving`, else with the lower."""
    if x0 == x1:
        return f"V{y1:g}"
    radius = min(_CORNER, abs(x1 - x0), (y1 - y0) * 0.8)
    side = radius if x1 > x0 else -radius
    if leaving:
        return f"H{x1 - side:g}Q{x1:g} {y0:g} {x1:g} {y0 + radius:g}V{y1:g}"
    return f"V{y1 - radius:g}Q{x0:g} {y1:g} {x0 + side:g} {y1:g}H{x1:g}"


def _node(picture: Picture, grid: Grid, row: int, drawn: Drawn) -> str:
    x, y, colour = grid.x(drawn.lane), grid.y(row), hue(drawn.lane)
    if drawn.lane >= grid.lanes:  # it stands further right than there is room
        return f'<path class="e e{colour}" d="M{x - 1:g} {y - 3.5:g}l3.5 3.5l-3.5 3.5"/>'
    is_head = picture.head in drawn.refs
    parts = [f'<circle class="hole" cx="{x:g}" cy="{y:g}" r="{8.5 if is_head else 6}"/>']
    if is_head:
        parts.append(f'<circle class="e e{colour} thin" cx="{x:g}" cy="{y:g}" r="{_HEAD}"/>')
    if len(drawn.parents) > 1:
        parts.append(f'<circle class="e e{colour}" cx="{x:g}" cy="{y:g}" r="{3.25 if is_head else _RING}"/>')
    else:
        parts.append(f'<circle class="n{colour}" cx="{x:g}" cy="{y:g}" r="{3.5 if is_head else _DISC}"/>')
    return "".join(parts)
