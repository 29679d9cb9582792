"""Branches and tags by what somebody types of their names, the likeliest first."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch_graph.refs import Ref
    from gitperch_graph.row_index import RowIndex

_Rank = tuple[int, int, int, str]


def matching(index: RowIndex, text: str, limit: int) -> tuple[list[Ref], int]:
    """At most `limit` refs that have every word of `text` in their names, and how many there are in all.

    First a name that is the text, then names that begin with it, then those where a part after a slash does, then the rest;
    among equals the default branch, branches before tags, and what moved last.
    """
    words = text.lower().split()
    ranked: list[tuple[_Rank, Ref]] = []
    for ref in index.refs:
        if ref.height < 0 or not ref.name.startswith("refs/"):
            continue
        _, kind, short = ref.name.split("/", 2)
        lower = short.lower()
        if all(word in lower for word in words):
            rank = (
                _place(lower, words),
                0 if ref.name == index.head else 1 + (kind != "heads"),
                -ref.height,
                short,
            )
            ranked.append((rank, ref))
    return [ref for _, ref in heapq.nsmallest(limit, ranked, key=lambda pair: pair[0])], len(ranked)


def _place(name: str, words: list[str]) -> int:
    if not words:
        return 0
    first = words[0]
    if name == first:
        return 0
    if name.startswith(first):
        return 1
    return 2 if f"/{first}" in name else 3
