"""What a view of a history has to show, by the plainest way to find out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Parents = dict[str, list[str]]


@dataclass
class Narrow:
    """Of each shown commit: its parents, and which of them are not its own."""

    parents: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, set[str]] = field(default_factory=dict)


def narrow(history: Mapping[str, Sequence[str]], shown: Collection[str], real: Mapping[str, Sequence[str]]) -> Narrow:
    """`history` has the parents of all commits that are looked at, `real` those that they really have."""
    ancestors = _ancestors(history)

    @cache
    def nearest(oid: str) -> frozenset[str]:
        """The shown commits that are next below a hidden one."""
        below: set[str] = set()
        for parent in history.get(oid, ()):
            below |= {parent} if parent in shown else nearest(parent)
        return frozenset(below)

    found = Narrow()
    for oid in sorted(shown, key=lambda each: len(ancestors(each))):
        parents: list[str] = []
        for parent in history[oid]:
            parents += [parent] if parent in shown else sorted(nearest(parent))
        parents = list(dict.fromkeys(parents))
        found.parents[oid] = [
            parent
            for parent in parents
            if parent in history[oid] or not any(parent in ancestors(other) for other in parents if other != parent)
        ]
        found.skipped[oid] = set(found.parents[oid]).difference(real[oid])
    return found


def _ancestors(history: Mapping[str, Sequence[str]]) -> Callable[[str], frozenset[str]]:
    """By commit: all that it reaches, without itself."""
    known: dict[str, frozenset[str]] = {}

    def ancestors(oid: str) -> frozenset[str]:
        stack = [oid]
        while stack:
            at = stack[-1]
            waiting = [parent for parent in history.get(at, ()) if parent not in known]
            if waiting:
                stack += waiting
                continue
            known[at] = frozenset().union(*((known[parent] | {parent}) for parent in history.get(at, ())))
            stack.pop()
        return known[oid]

    return ancestors
