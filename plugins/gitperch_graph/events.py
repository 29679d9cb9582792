"""What the graph tells: that it has changed, and by how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from gitperch.events import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitperch.events import RefChange

REFS_TOLD = 500


@dataclass(frozen=True, kw_only=True)
class GraphChanged(Event):
    """A repository's graph is now `generation`, with `total` rows and `head` as its default branch.

    `added` rows are new on top, all others are as they were in generation `before`, only that they count from further down; -1:
    anything may have changed, windows have to be fetched again, as by whoever has another generation. `refs` lists
    `[full name, old oid or None, new oid or None]` of the branches and tags that moved, at most `REFS_TOLD`; `more` says how many are
    not listed. `rows` are the added ones as a window gives them, if they are few and short, so that a thousand pages need not ask
    for the same; else it is empty.
    """

    kind: ClassVar[str] = "graph.changed"
    live: ClassVar[bool] = True

    generation: str
    total: int
    added: int
    refs: list[list[str | None]]
    before: str = ""
    more: int = 0
    head: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)


def told(changes: Iterable[RefChange], shown: tuple[str, ...]) -> tuple[list[list[str | None]], int]:
    """(`refs`, `more`) for those of the changes that people see in the graph."""
    moved: list[list[str | None]] = [[c.ref, c.old, c.new] for c in changes if c.ref.startswith(shown)]
    return moved[:REFS_TOLD], max(0, len(moved) - REFS_TOLD)
