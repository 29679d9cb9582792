"""Which paths somebody means: `path:` from the top of the tree, `file:` by its name in any folder; beginnings or globs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from gitperch_graph.search.folding import folded
from gitperch_graph.search.lines import lines_with

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
        parts, literals, at = [b"(?:.*/)?" if self.anywhere else b""], [], 0
        for wild in _WILD.finditer(value):
            literals.append(value[at : wild.start()])
            parts += [re.escape(literals[-1]), _translated(wild[0])]
            at = wild.end()
        literals.append(value[at:])
        parts.append(re.escape(literals[-1]))
        parts.append(b"" if at and not value.endswith(b"/") else b".*")
        return max(literals, key=len), re.compile(b"".join(parts), re.DOTALL)


def _translated(wild: bytes) -> bytes:
    match wild:
        case b"**/":
            return b"(?:.*/)?"
        case b"**":
            return b".*"
        case b"*":
            return b"[^/]*"
        case b"?":
            return b"[^/]"
    inside = re.escape(wild[1:-1].removeprefix(b"!").removeprefix(b"^")).replace(rb"\-", b"-")
    return b"[%s%s]" % (b"^" if wild[1:2] in (b"!", b"^") else b"", inside)
