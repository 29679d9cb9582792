"""Which edges of a view run over hidden commits, for those who draw a window of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitperch_graph.sections import IndexUnusable

if TYPE_CHECKING:
    from gitperch_graph.row_index import RowIndex


def marked(answer: dict[str, Any], index: RowIndex) -> dict[str, Any]:
    """A window with `skipped` in its rows, and a third element in `passing` where all of an edge's children are so."""
    try:
        skipped, solid = index.extra("skipped", "B"), index.extra("solid", "I")  # noqa: S610 -- no Django
    except IndexUnusable:
        return answer
    if not len(skipped):
        return answer
    top = index.total - 1
    for row in answer["rows"]:
        if mask := skipped[top - row["row"]]:
            row["skipped"] = [nth for nth in range(len(row["parents"])) if mask >> nth & 1]
    for edge in answer["passing"]:
        # The topmost child that is really one is below the window's first row, or there is none.
        if solid[top - edge[1]] <= top - answer["at"]:
            edge.append(1)
    return answer
