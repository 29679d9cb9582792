"""One search: what is streamed for it, from the newest commit to the oldest."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gitperch.git import GitError
from gitperch_graph.commits import Commit, parsed
from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.search import paths
from gitperch_graph.search.grammar import Hint, Query, Term
from gitperch_graph.search.matcher import Condition, arranged, matches
from gitperch_graph.search.reach import Reach, heights, refs_called
from gitperch_graph.search.segments import ROWS, STRIDE
from gitperch_graph.search.texts import Piece, Progress, TextsMissing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from pygit2.repository import Repository as LibgitRepository

    from gitperch.git import Git
    from gitperch.repositories import Repository
    from gitperch_graph.objects import Read
    from gitperch_graph.row_index import RowIndex
    from gitperch_graph.search.texts import Texts

ROWS_AT_MOST = 100_000
SECONDS = 300.0
_FIRST = 2 * STRIDE  # rows that are looked at before the first answer
_UNREADABLE = Commit((), "", "", 0, "")
_OF_REFS = ("branch", "tag")
_OF_PATHS = ("path", "file")

Line = dict[str, Any]


@dataclass
class Search:
    """`query` in the history of `index`, shown as rows of `shown`, which may be a smaller graph of the same history."""

    git: Git
    texts: Texts
    repo: Repository
    index: RowIndex
    shown: RowIndex
    query: Query
    limit: int
    client: str
    _count: int = 0
    _reaches: list[Reach] = field(default_factory=list)

    async def lines(self) -> AsyncGenerator[Line, None]:
        """The objects of the answer, as docs/graph.md has them."""
        began = time.monotonic()
        hints: list[Hint] = list(self.query.hints)
        conditions = [self._condition(term, hints) for term in self.query.terms if term.key not in _OF_PATHS]
        yield {
            "generation": self.shown.generation,
            "total": self.shown.total,
            "query": self.query.described(),
            "hints": [{"at": hint.at, "text": hint.text} for hint in sorted(hints, key=lambda hint: hint.at)],
        }
        failed = ""
        more = False
        try:
            if self.query.terms:
                async with aclosing(self._found(conditions)) as found:
                    async for some in found:
                        if isinstance(some, Progress):
                            yield {"building": round(some.share, 3)}
                            continue
                        async for line in self._told(some):
                            yield line
                        if self._count >= ROWS_AT_MOST + self.limit or time.monotonic() - began > SECONDS:
                            more = True
                            break
        except TextsMissing as error:
            failed = f"The messages of {self.repo.full_name} cannot be searched: {error}."
        except GitError as error:
            failed = f"git could not tell which commits touch this path: {error.stderr.strip()[-300:]}."
        done: Line = {"done": True, "count": self._count, "more": more or bool(failed)}
        yield done | {"ms": int((time.monotonic() - began) * 1000)} | ({"failed": failed} if failed else {})

    def _condition(self, term: Term, hints: list[Hint]) -> Condition:
        if term.key in _OF_REFS:
            refs = refs_called(self.index.refs, term.key, term.value)
            if not refs:
                hints.append(Hint(term.at, f"There is no {term.key} {term.value} here."))
            reach = Reach(self.index, heights(refs))
            self._reaches.append(reach)
            return Condition(term.key, term.negated, heights=reach)
        known = frozenset(_with_prefix(self.index, term.oid_prefix)) if term.oid_prefix else frozenset[int]()
        needle = term.needle if term.key in ("text", "message", "author") else b""
        return Condition(term.key, term.negated, needle, term.time, known)

    async def _found(self, conditions: list[Condition]) -> AsyncGenerator[list[int] | Progress, None]:
        """Heights that meet everything, in runs, the newest first."""
        terms = [term for term in self.query.terms if term.key in _OF_PATHS]
        first = next((term for term in terms if not term.negated), None)
        for term in terms:
            if term is not first:
                touched = {height async for some in self._touching(term) for height in some}
                conditions.append(Condition(term.key, term.negated, heights=touched))
        ordered = arranged(conditions)
        if first:
            async for some in self._among(self._touching(first), ordered):
                yield some
            return
        async for piece in self.texts.pieces(self.repo, self.index):
            if isinstance(piece, Progress):
                yield piece
                continue
            for low, high in _slices(piece.segment.count, eager=piece.base + 2 * ROWS > self.index.total):
                rows = await self.texts.apart(self._matches, piece, low, high, ordered)
                yield [piece.base + row for row in reversed(rows)]

    def _matches(self, piece: Piece, low: int, high: int, conditions: Sequence[Condition]) -> list[int]:
        for reach in self._reaches:
            reach.down_to(piece.base + low)
        return matches(piece.segment, piece.base, low, high, conditions)

    async def _touching(self, term: Term) -> AsyncGenerator[list[int], None]:
        """Heights of the commits that touch the term's paths, as git finds them."""
        tips = {self.index.oid(ref.height) for ref in self.index.refs if ref.height >= 0}
        async with self.git.children.turn(self.client):
            walk = paths.touching(self.git, self.repo, sorted(tips), paths.pathspec(term.key, term.value))
            async with aclosing(walk):
                async for names in walk:
                    yield await self.texts.apart(_heights, self.index, names)

    async def _among(
        self, runs: AsyncGenerator[list[int], None], conditions: list[Condition]
    ) -> AsyncGenerator[list[int] | Progress, None]:
        """Those of `runs` that meet `conditions`."""
        if not conditions:
            async for run in runs:
                yield run
            return
        pieces: list[Piece] = []
        async for piece in self.texts.pieces(self.repo, self.index):
            if isinstance(piece, Progress):
                yield piece
            else:
                pieces.append(piece)
        async for run in runs:
            touched = Condition("path", negated=False, heights=frozenset(run))
            found: list[int] = []
            for piece in pieces:
                if any(piece.base <= height < piece.base + piece.segment.count for height in run):
                    high = piece.segment.count
                    rows = await self.texts.apart(self._matches, piece, 0, high, [touched, *conditions])
                    found += [piece.base + row for row in reversed(rows)]
            yield found

    async def _told(self, found: list[int]) -> AsyncGenerator[Line, None]:
        """The lines about some heights."""
        if self.shown is not self.index:
            found = await self.texts.apart(_translated, self.index, self.shown, found)
        listed = found[: max(0, self.limit - self._count)]
        self._count += len(found)
        if listed:
            yield {"hits": await self._hits(listed)}
        if len(found) > len(listed):
            top = self.shown.total - 1
            yield {"rows": [top - height for height in found[len(listed) :]]}

    async def _hits(self, heights: list[int]) -> list[Line]:
        if libgit2_knows(self.repo.path):
            return await self.git.read(self.repo.path, _described_by_libgit2, self.shown, heights)
        read = await fetched(self.git, self.repo.path, map(self.shown.oid, heights))
        return _described(read, self.shown, heights)


def _slices(count: int, *, eager: bool) -> list[tuple[int, int]]:
    """Parts of a segment, the newest rows first; with `eager` a small one, so that the first answer is soon there."""
    last = max(0, -(-count // STRIDE) * STRIDE - _FIRST) if eager else 0
    return [(last, count), *([(0, last)] if last else [])]


def _with_prefix(index: RowIndex, prefix: str) -> list[int]:
    """The heights of all commits whose oid begins with `prefix`."""
    found = index.find(prefix)
    if len(found) < 2:
        return found
    return [height for digit in "0123456789abcdef" for height in _with_prefix(index, prefix + digit)]


def _heights(index: RowIndex, names: Sequence[str]) -> list[int]:
    return [found[0] for name in names if (found := index.find(name))]


def _translated(index: RowIndex, shown: RowIndex, heights: Sequence[int]) -> list[int]:
    """The same commits as heights of `shown`; those that it does not show are left out."""
    return _heights(shown, [index.oid(height) for height in heights])


def _described_by_libgit2(repository: LibgitRepository, index: RowIndex, heights: Sequence[int]) -> list[Line]:
    return _described(reader(repository), index, heights)


def _described(read: Read, index: RowIndex, heights: Sequence[int]) -> list[Line]:
    return [_hit(read, index, height) for height in heights]


def _hit(read: Read, index: RowIndex, height: int) -> Line:
    oid = index.oid(height)
    try:
        commit = parsed(read(oid)[1])
    except KeyError:
        commit = _UNREADABLE
    return {
        "row": index.total - 1 - height,
        "oid": oid,
        "subject": commit.subject,
        "author": commit.author,
        "time": commit.time,
    }
