"""Which edges of a view run over hidden commits, for those who draw a window of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch_graph.sections import IndexUnusable

if TYPE_CHECKING:
    from gitperch_graph.row_index import RowIndex

_SECTIONS = (("skipped", "B"), ("solid", "I"), ("straight", "B"))
_SKIPPED = 2  # in `straight`; see `narrowing.Narrowed.solid`


class Marks:
    """What a view's index has to say of its edges; nothing, for the whole graph."""

    def __init__(self, index: RowIndex) -> None:
        self._top = index.total - 1
        self._skipped = self._solid = self._straight = memoryview(b"")
        try:
            skipped, solid, straight = (index.extra(*part) for part in _SECTIONS)
        except IndexUnusable:
            return
        if len(skipped):
            self._skipped, self._solid, self._straight = skipped, solid, straight

    def skipped(self, height: int, parents: int) -> list[int]:
        """Which of the commit's `parents` stand for hidden ones."""
        mask = self._skipped[height] if self._skipped else 0
        return [nth for nth in range(parents) if mask >> nth & 1] if mask else []

    def passing(self, edges: list[list[int]], at: int) -> list[list[int]]:
        """`edges` as a window from row `at` on has them, with a third element where all of an edge's children are so."""
        if self._skipped:
            for edge in edges:
                lane, height = edge[0], self._top - edge[1]
                # That of the default branch is alone in lane 0. Of others the topmost child that is really one is below the
                # window's first row, or there is none.
                alone = self._straight[height] if lane == 0 else 0
                if alone == _SKIPPED if alone else self._solid[height] <= self._top - at:
                    edge.append(1)
        return edges
