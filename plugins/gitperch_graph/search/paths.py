"""Which paths somebody means: `path:` from the top of the tree, `file:` by its name in any folder; beginnings or globs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitperch_graph.search.folding import folded
from gitperch_graph.search.lines import lines_with

if TYPE_CHECKING:
    from collections.abc import Sequence

DEEP = 2
"""How many `**` a glob may have: each more would cost the length of a path once more."""

_STAR, _DEEP, _ANY_FOLDER = b"[^/]*", b".*", b"(?:.*/)?"
_OPEN = (_STAR, _DEEP, _ANY_FOLDER)
_WILD = re.compile(rb"\*\*/?|\*|\?|\[[^\]]+\]")


@dataclass(frozen=True)
class Wanted:
    """`value` as it was typed; `anywhere`: in any folder. A glob fits the whole path; without wildcards it is how it begins."""

    value: str
    anywhere: bool

    def lines(self, paths: bytes) -> list[int]:
        """The numbers of those lines of `paths` (folded, each ended by a line feed) that are meant."""
        literal, pattern = self._compiled
        if not literal:
            return [nth for nth, path in enumerate(paths.split(b"\n")[:-1]) if pattern.fullmatch(path)]
        near = lines_with(paths, literal)
        if not near:
            return []
        every = paths.split(b"\n")
        return [nth for nth in near if pattern.fullmatch(every[nth])]

    @cached_property
    def _compiled(self) -> tuple[bytes, re.Pattern[bytes]]:
        """(the longest part of it that every path has to hold, the pattern of the whole path)."""
        value = folded(self.value).strip().removeprefix(b"./").removeprefix(b"/")
        literals, wilds, at = [], list[bytes](), 0
        for wild in _WILD.finditer(value):
            literals.append(value[at : wild.start()])
            wilds.append(wild[0])
            at = wild.end()
        literals.append(value[at:])
        parts = [_ANY_FOLDER if self.anywhere else b"", re.escape(literals[0])]
        for found, literal in zip(wilds, literals[1:], strict=True):
            parts += [_translated(found), re.escape(literal)]
        parts.append(b"" if wilds and not value.endswith(b"/") else _DEEP)
        return max(literals, key=len), re.compile(_without_backtracking(parts), re.DOTALL)


def _without_backtracking(parts: Sequence[bytes]) -> bytes:
    """The pattern in which each star takes the first place where what follows fits, and is not asked again.

    That finds whatever there is, as long as another star or anything comes behind; so only the last one may try further.
    """
    last = max((n for n, part in enumerate(parts) if part in _OPEN), default=0)
    pattern, begun = b"", False
    for n, part in enumerate(parts):
        if begun and part in _OPEN:
            pattern, begun = pattern + b")", False
        if part == _STAR and n < last:
            pattern, begun = pattern + b"(?>[^/]*?", True
        else:
            pattern += part
    return pattern + (b")" if begun else b"")


def _translated(wild: bytes) -> bytes:
    match wild:
        case b"**/":
            return _ANY_FOLDER
        case b"**":
            return _DEEP
        case b"*":
            return _STAR
        case b"?":
            return b"[^/]"
    inside = re.escape(wild[1:-1].removeprefix(b"!").removeprefix(b"^")).replace(rb"\-", b"-")
    return b"[%s%s]" % (b"^" if wild[1:2] in (b"!", b"^") else b"", inside)
