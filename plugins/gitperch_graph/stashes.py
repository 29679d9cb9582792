"""Stashes: commits that refs below `refs/stashes/` name, each drawn as one commit on the one that it was made on.

What git makes of a stash are two or three commits (git-stash(1), "Discussion"): the index, a commit on the same parent; the untracked
files, a root; and the work tree, whose parents are that parent and these. Those two belong to it and to nobody else, so they are
neither rows nor edges, unless something else reaches them. Whoever reaches a stash, it has only its first parent in the graph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitperch_graph.repository import STASHES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

T = TypeVar("T")


def is_stash(parents: Sequence[T], parents_of: Callable[[T], Sequence[T] | None]) -> bool:
    """Whether a commit with these parents has the form of a stash; `parents_of` may not know (None)."""
    if not 2 <= len(parents) <= 3:
        return False
    index, *untracked = (parents_of(each) for each in parents[1:])
    return index is not None and [*index] == [parents[0]] and all(each is not None and not each for each in untracked)


def held_by_stashes(commits: Mapping[str, T]) -> set[T]:
    """What refs below `refs/stashes/` peel to, of `commits` by the names of refs."""
    return {at for name, at in commits.items() if name.startswith(STASHES)}


def drawn_alone(parents: Mapping[T, Sequence[T]], stashes: Iterable[T], tips: Iterable[T]) -> dict[T, list[T]]:
    """The commits of `parents` that are drawn, and their parents then: `stashes` have one, and what only they had is gone."""
    drawn = {oid: list(above) for oid, above in parents.items()}
    theirs: set[T] = set()
    for oid in stashes:
        if oid in drawn and is_stash(parents[oid], parents.get):
            theirs.update(parents[oid][1:])
            drawn[oid] = drawn[oid][:1]
    if theirs:
        theirs.difference_update(tips, *drawn.values())
    return {oid: above for oid, above in drawn.items() if oid not in theirs}
