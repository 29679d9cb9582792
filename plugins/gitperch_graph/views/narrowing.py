"""A history with some of its commits hidden: each that is shown gets the nearest shown ones among its ancestors as parents.

In a helper process: numpy. Commits are heights, 0 is the oldest; `to[first[h]:first[h + 1]]` are the parents of h, ABSENT for one
that the repository does not have.

A parent that is shown stays. In the place of a hidden one come the nearest shown ancestors on each way down from it, without
those that another parent reaches anyway (as git's --simplify-merges has it): so what was reachable still is, by as few edges as
that takes. Where histories meet all the time behind what is shown this has its bounds: `MOST` parents, `STEPS` commits looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.uint32]
    Mask = NDArray[np.bool_]

ABSENT = 0xFFFFFFFF
_SEVERAL = 0xFFFFFFFE  # in place of a parent, where there are others
MOST = 8  # parents, unless a commit really has more
BITS = 8  # of `skipped`; a parent after these is drawn as if it were a real one
STEPS = 256  # commits that are looked at to find out whether one parent reaches another


@dataclass(frozen=True)
class Narrowed:
    """What is left. `kept` are the old heights in order; `first` and `to` its edges in new ones.

    Bit n of `skipped[h]`: the edge to the nth parent runs over hidden commits. Empty where no edge does.
    """

    kept: Numbers
    first: Numbers
    to: Numbers
    skipped: NDArray[np.uint8]

    def solid(self, chain: Sequence[int]) -> tuple[Numbers, NDArray[np.uint8]]:
        """Of each commit the greatest height of one whose edge to it is its own, 0 where there is none; and, apart from that, of the
        edge between two commits of `chain`, which runs in a lane of its own: 1 where it is, 2 where it runs over hidden ones, 0
        where there is none. Both are empty where no edge is skipped.
        """
        count = len(self.kept)
        if not len(self.skipped):
            return np.zeros(0, np.uint32), np.zeros(0, np.uint8)
        child = np.repeat(np.arange(count, dtype=np.uint32), np.diff(self.first))
        nth = np.arange(len(self.to)) - self.first[child]
        is_skipped = (nth < BITS) & (self.skipped[child] >> np.minimum(nth, BITS - 1) & 1 == 1)
        firm = ~is_skipped & (self.to != ABSENT)
        on_chain = np.array(chain, np.int64)
        edges = self.first[on_chain[self.first[on_chain + 1] > self.first[on_chain]]]
        edges = edges[self.to[edges] != ABSENT]
        straight = np.zeros(count, np.uint8)
        straight[self.to[edges]] = 1 + is_skipped[edges]
        firm[edges] = False
        solid = np.zeros(count, np.uint32)
        np.maximum.at(solid, self.to[firm], child[firm])
        return solid, straight


def straight(first: Numbers, to: Numbers) -> tuple[Numbers, Numbers]:
    """The edges to first parents alone."""
    has = first[1:] > first[:-1]
    return np.concatenate(([0], np.cumsum(has))).astype(np.uint32), to[first[:-1][has]]


def replaced(count: int, parents: Iterable[tuple[int, Sequence[int]]]) -> tuple[Numbers, Numbers, Mask]:
    """The edges that these commits have in a history that somebody else has narrowed, and which they are."""
    shown = np.zeros(count, np.bool_)
    degree = np.zeros(count, np.uint32)
    listed = sorted(parents)
    for height, tos in listed:
        shown[height] = True
        degree[height] = len(tos)
    first = np.concatenate(([0], np.cumsum(degree))).astype(np.uint32)
    return first, np.array([to for _, tos in listed for to in tos], np.uint32), shown


def narrowed(first: Numbers, to: Numbers, shown: Mask, real: tuple[Numbers, Numbers] | None = None) -> Narrowed:
    """The history of the commits that are `shown`. `real` are the edges as they are, where `first` and `to` are not."""
    kept = np.flatnonzero(shown).astype(np.uint32)
    changed = _rewritten(first, to, shown, kept) if len(kept) else {}
    degree = np.diff(first.astype(np.int64))
    altered = np.fromiter(changed, np.uint32, len(changed))
    degree[altered] = [len(tos) for tos in changed.values()]
    new_first = np.concatenate(([0], np.cumsum(degree[kept]))).astype(np.uint32)
    rank = np.zeros(len(shown), np.uint32)
    rank[kept] = np.arange(len(kept), dtype=np.uint32)
    new_to = np.empty(int(new_first[-1]), np.uint32)

    owner = np.repeat(np.arange(len(shown), dtype=np.uint32), np.diff(first))
    plain = shown.copy()
    plain[altered] = False
    edges = np.flatnonzero(plain[owner])
    new_to[new_first[rank[owner[edges]]] + (edges - first[owner[edges]])] = to[edges]
    for height, tos in changed.items():
        begin = int(new_first[rank[height]])
        new_to[begin : begin + len(tos)] = tos

    old_to = new_to.copy()
    here = new_to != ABSENT
    new_to[here] = rank[new_to[here]]
    doubtful = np.flatnonzero(shown) if real else altered
    skipped = _skipped(real or (first, to), doubtful, rank, new_first, new_to, old_to)
    return Narrowed(kept, new_first, new_to, skipped)


def _skipped(
    real: tuple[Numbers, Numbers], doubtful: NDArray[Any], rank: Numbers, first: Numbers, to: Numbers, old_to: Numbers
) -> NDArray[np.uint8]:
    """`Narrowed.skipped`: an edge is skipped that is none of the `real` ones; only the `doubtful` commits may have such."""
    asked = np.zeros(len(real[0]) - 1, np.bool_)
    asked[doubtful] = True
    kept = np.zeros(len(first) - 1, np.uint32)  # their old heights
    shown = rank[doubtful]
    kept[shown] = doubtful
    wanted = np.zeros(len(kept), np.bool_)
    wanted[shown] = True
    child = np.repeat(np.arange(len(kept), dtype=np.uint32), np.diff(first))
    edges = np.flatnonzero(wanted[child])
    owner = np.repeat(np.arange(len(asked), dtype=np.uint32), np.diff(real[0]))
    theirs = asked[owner]
    true = np.isin(_pairs(kept[child[edges]], old_to[edges]), _pairs(owner[theirs], real[1][theirs]))
    nth = edges - first[child[edges]]
    edges, nth = edges[~true & (nth < BITS)], nth[~true & (nth < BITS)]
    if not len(edges):
        return np.zeros(0, np.uint8)
    masks = np.zeros(len(kept), np.uint8)
    for bit in range(BITS):
        masks[child[edges[nth == bit]]] |= np.uint8(1 << bit)
    return masks


def _pairs(child: Numbers, parent: Numbers) -> NDArray[np.uint64]:
    return (child.astype(np.uint64) << np.uint64(32)) | parent


def _rewritten(first: Numbers, to: Numbers, shown: Mask, kept: Numbers) -> dict[int, Sequence[int]]:
    """The parents of those shown commits that have a hidden parent."""
    low, high = int(kept[0]), int(kept[-1])
    degree = np.diff(first)
    owner = np.repeat(np.arange(len(shown), dtype=np.uint32), degree)
    hidden_edge = (to != ABSENT) & ~shown[np.where(to == ABSENT, 0, to)]
    looked_at = ~shown & (degree > 1)
    looked_at[owner[hidden_edge]] |= shown[owner[hidden_edge]]
    looked_at[:low] = False
    looked_at[high + 1 :] = False
    return _Rewriting(first, to, shown, low).parents(np.flatnonzero(looked_at).tolist())


def _ends(first: Numbers, to: Numbers, shown: Mask) -> Numbers:
    """Where one gets from each commit down a line of hidden ones with one parent each: to one that is shown, or has several, or none."""
    here = np.arange(len(shown), dtype=np.uint32)
    single = np.flatnonzero(~shown & (np.diff(first) == 1))
    below = to[first[:-1][single]]
    here[single[below != ABSENT]] = below[below != ABSENT]
    while not np.array_equal(further := here[here], here):
        here = further
    return here


class _Rewriting:
    """Goes up through a history, knowing for each hidden merge which shown commits are next below it."""

    def __init__(self, first: Numbers, to: Numbers, shown: Mask, low: int) -> None:
        ends = _ends(first, to, shown)
        # Views give Python's own integers, and faster than arrays of numpy do.
        self._first, self._to = np.ascontiguousarray(first).data, np.ascontiguousarray(to).data
        self._ends = ends.data
        # The parent of each shown commit that has one only, as far as that is known: most steps are from such a commit.
        only, degree = np.full(len(shown), _SEVERAL, np.uint32), np.diff(first)
        only[degree == 0] = ABSENT
        only[degree == 1] = to[first[:-1][degree == 1]]
        self._only = only.data
        self._shown = shown.view(np.uint8).data
        self._low = low
        self._nearest: dict[int, tuple[int, ...]] = {}
        self._changed: dict[int, Sequence[int]] = {}

    def parents(self, heights: Sequence[int]) -> dict[int, Sequence[int]]:
        shown, first, to = self._shown, self._first, self._to
        for height in heights:
            begin, end = first[height], first[height + 1]
            if not shown[height]:
                self._nearest[height] = self._of_hidden(to[begin:end])
            elif end - begin == 1:
                self._changed[height] = below = self._below(to[begin])
                self._only[height] = ABSENT if not below else below[0] if len(below) == 1 else _SEVERAL
            else:
                self._changed[height] = self._of_shown(to[begin:end])
        return self._changed

    def _below(self, parent: int) -> tuple[int, ...]:
        if parent == ABSENT:
            return ()
        end = self._ends[parent]
        return (end,) if self._shown[end] else self._nearest.get(end, ())

    def _of_hidden(self, parents: Iterable[int]) -> tuple[int, ...]:
        ways = dict.fromkeys(way for parent in parents if (way := self._below(parent)))
        if len(ways) < 2:
            return next(iter(ways), ())
        # In the order of the parents, which a set does not keep.
        found = list(dict.fromkeys(to for way in ways for to in way))
        reached = self._reached(found)
        return tuple(to for to in found if to not in reached)[:MOST] if reached else tuple(found[:MOST])

    def _of_shown(self, parents: Sequence[int]) -> Sequence[int]:
        direct = {parent for parent in parents if parent == ABSENT or self._shown[parent]}
        found: list[int] = []
        for parent in parents:
            found.extend([parent] if parent in direct else self._below(parent))
        here = list(dict.fromkeys(to for to in found if to != ABSENT))
        reached = self._reached(here) - direct
        kept, room = [], MOST - len(direct)
        for to in dict.fromkeys(found):
            if to in direct:
                kept.append(to)
            elif to not in reached and room > 0:
                kept.append(to)
                room -= 1
        return kept

    def _reached(self, found: Sequence[int]) -> set[int]:
        """Those that another one reaches, as far as `STEPS` go."""
        if len(found) < 2:
            return set()
        wanted, lowest = set(found), min(found)
        waiting, seen, reached = [to for to in found if to != lowest], set(found), set()
        changed, first, to, only = self._changed, self._first, self._to, self._only
        for _ in range(STEPS):
            if not waiting:
                break
            height = waiting.pop()
            parent = only[height]
            parents: Sequence[int] = (parent,)
            if parent == _SEVERAL:
                known = changed.get(height)
                parents = to[first[height] : first[height + 1]] if known is None else known
            for parent in parents:
                if parent in wanted:
                    reached.add(parent)
                elif lowest < parent < ABSENT and parent not in seen:
                    seen.add(parent)
                    waiting.append(parent)
        return reached
