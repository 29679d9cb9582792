"""One search: what is streamed for it, from the newest commit to the oldest."""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitperch_graph.commits import Commit, parsed
from gitperch_graph.objects import fetched, libgit2_knows, reader
from gitperch_graph.search.grammar import Hint, Query, Term
from gitperch_graph.search.manners import give_way
from gitperch_graph.search.matcher import OF_REFS, Condition, arranged, matches
from gitperch_graph.search.paths import Wanted
from gitperch_graph.search.reach import Reaches, refs_called
from gitperch_graph.search.segments import PATHS, ROWS, STRIDE, TEXTS
from gitperch_graph.search.texts import Piece, Progress
from gitperch_graph.search.writing import TextsMissing

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
_FIRST_HITS, _HITS, _ROWS = 10, 50, 4000  # in one line
_FIRST = 2 * STRIDE  # rows that are looked at before the first answer
_UNREADABLE = Commit((), "", "", 0, "")

Line = dict[str, Any]


@dataclass
class Search:
    """`query` in the history of `index`, shown as rows of `shown`, which may be a smaller graph of the same history."""

    git: Git
    texts: Texts
    reaches: Reaches
    repo: Repository
    index: RowIndex
    shown: RowIndex
    view: str
    query: Query
    limit: int
    client: str
    _count: int = 0
    _listed: bool = False

    async def lines(self) -> AsyncGenerator[Line | bytes, None]:
        """The objects of the answer, as docs/graph.md has them, some of them encoded."""
        began = time.monotonic()
        conditions, hints = await self.texts.apart(self._conditions)
        yield {
            "generation": self.shown.generation,
            "total": self.shown.total,
            **({"view": self.view} if self.view else {}),
            "query": self.query.described(),
            "hints": [{"at": hint.at, "text": hint.text} for hint in hints],
        }
        failed = ""
        more = False
        try:
            if self.query.terms:
                async with aclosing(self._found(conditions)) as found:
                    async for some in found:
                        if isinstance(some, Progress):
                            yield {"building": round(some.share, 3)}
                        else:
                            async for line in self._told(some):
                                yield line
                        _require_time(began)
                        if more := self._count >= ROWS_AT_MOST + self.limit:
                            break
        except TextsMissing as error:
            failed = f"Not everything in {self.repo.full_name} could be searched: {error}."
        done: Line = {"done": True, "count": self._count, "more": more or bool(failed)}
        yield done | {"ms": int((time.monotonic() - began) * 1000)} | ({"failed": failed} if failed else {})

    def _conditions(self) -> tuple[list[Condition], list[Hint]]:
        """The terms made ready, and everything that is to be said about them, from left to right."""
        hints = list(self.query.hints)
        conditions = arranged([self._condition(term, hints) for term in self.query.terms])
        return conditions, sorted(hints, key=lambda hint: hint.at)

    def _condition(self, term: Term, hints: list[Hint]) -> Condition:
        if term.key in OF_REFS:
            refs = refs_called(self.index.refs, term.key, term.value)
            if not refs:
                hints.append(Hint(term.at, f"There is no {term.key} {term.value} here."))
            return Condition(term.key, term.negated, reach=self.reaches.of(self.index, refs))
        if term.key in ("path", "file"):
            return Condition(term.key, term.negated, paths=Wanted(term.value, anywhere=term.key == "file"))
        known = frozenset(_with_prefix(self.index, term.oid_prefix)) if term.oid_prefix else frozenset[int]()
        needle = term.needle if term.key in ("text", "message", "author") else b""
        return Condition(term.key, term.negated, needle, term.time, known)

    async def _found(self, conditions: Sequence[Condition]) -> AsyncGenerator[list[int] | Progress, None]:
        """Heights that meet everything, in runs, the newest first."""
        layouts = {condition.layout for condition in conditions} - {None}
        wanted = [layout for layout in (TEXTS, PATHS) if layout in layouts]
        async with aclosing(self.texts.pieces(self.repo, self.index, wanted)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Progress):
                    yield piece
                    continue
                if self._is_too_old(piece, conditions):
                    return
                for low, high in _slices(piece.count, eager=piece.base + 2 * ROWS > self.index.total):
                    yield await self.texts.apart(_matching, piece, low, high, conditions)

    def _is_too_old(self, piece: Piece, conditions: Sequence[Condition]) -> bool:
        """Whether neither the piece nor anything below it is late enough."""
        latest = self.index.date(piece.base + piece.count - 1)  # no commit below has a later time
        return any(one.key == "after" and not one.negated and latest < one.time for one in conditions)

    async def _told(self, found: list[int]) -> AsyncGenerator[Line | bytes, None]:
        """The lines about some heights."""
        if self.shown is not self.index:
            found = await self.texts.apart(_translated, self.index, self.shown, found)
        room = max(0, self.limit - self._count)
        listed, rest = found[:room], found[room:]
        self._count += len(found)
        while listed:
            some = listed[: _HITS if self._listed else _FIRST_HITS]
            yield {"hits": await self._hits(some)}
            self._listed = True
            del listed[: len(some)]
        if rest:
            for packed in await self.texts.apart(_rows, self.shown, rest):
                yield packed

    async def _hits(self, heights: list[int]) -> list[Line]:
        if libgit2_knows(self.repo.path):
            return await self.git.read(self.repo.path, _described_by_libgit2, self.shown, heights)
        read = await fetched(self.git, self.repo.path, map(self.shown.oid, heights))
        return _described(read, self.shown, heights)


def _require_time(began: float) -> None:
    if time.monotonic() - began > SECONDS:
        raise TextsMissing("it took too long; older commits were not looked at, try again later")


def _matching(piece: Piece, low: int, high: int, conditions: Sequence[Condition]) -> list[int]:
    """Heights of a piece that meet everything, the newest first."""
    rows = matches(piece, low, high, conditions)
    give_way(len(rows))
    return [piece.base + row for row in reversed(rows)]


def _rows(shown: RowIndex, heights: Sequence[int]) -> list[bytes]:
    """The lines for further hits, encoded here, since there may be many."""
    top, found = shown.total - 1, []
    for at in range(0, len(heights), _ROWS):
        found.append(encoded({"rows": [top - height for height in heights[at : at + _ROWS]]}))
        give_way(len(heights))
    return found


def encoded(line: Line) -> bytes:
    """As it is sent."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


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


def _translated(index: RowIndex, shown: RowIndex, heights: Sequence[int]) -> list[int]:
    """The same commits as heights of `shown`; those that it does not show are left out."""
    return [at for height in heights if (at := shown.height(index.oid(height))) is not None]


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
