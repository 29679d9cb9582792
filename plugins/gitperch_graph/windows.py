"""A window of the graph, and finding the row that somebody means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING, Any

from gitperch_graph.commits import Line, line
from gitperch_graph.lanes import ABSENT
from gitperch_graph.objects import PackedReader
from gitperch_graph.repository import SHOWN
from gitperch_graph.views.edges import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_graph.objects import Read
    from gitperch_graph.row_index import RowIndex

POINTS = 600
POINTS_AT_MOST = 2000

_HEX = frozenset("0123456789abcdef")
_SHORTEST_PREFIX = 4
_LONGEST_NUMBER = 10  # digits; longer ones are oids
_UNREADABLE = Line("", "", "", 0, "", body=False)


class NothingThere(Exception):
    """No branch, tag, stash or commit of the graph is meant."""


class SeveralThere(Exception):
    """More than one commit's oid begins like this."""


@dataclass(frozen=True)
class Place:
    """Where a window begins, and the row that was asked for by name, if it was."""

    at: int
    focus: int | None = None


def place(index: RowIndex, at: str, rows: int) -> Place:
    """The window of `rows` rows that `at` asks for: a row number, a ref (full or short name), an oid or its beginning.

    A window asked for by name has that row in its middle, as far as the history goes. Raises NothingThere and SeveralThere.
    """
    if at.isascii() and at.isdigit() and len(at) <= _LONGEST_NUMBER:
        return Place(min(int(at), index.total))
    focus = index.total - 1 - _height(index, at)
    begin = max(0, min(focus - rows // 2, index.total - rows))
    return Place(begin, focus)


def _height(index: RowIndex, at: str) -> int:
    for name in (index.head if at == "HEAD" else at, *(prefix + at for prefix in SHOWN)):
        height = index.refs.height(name)
        if height is not None:
            return height
    oid = at.lower()
    if len(oid) >= _SHORTEST_PREFIX and _HEX.issuperset(oid):
        found = index.find(oid)
        if len(found) > 1:
            raise SeveralThere
        if found:
            return found[0]
    raise NothingThere


def window(index: RowIndex, where: Place, rows: int, read: Read) -> dict[str, Any]:
    """The rows from `where.at` on, as the API gives them. Only these commits are read."""
    found: dict[str, Any] = json.loads(encoded(index, where, rows, read))
    return found


def encoded(index: RowIndex, where: Place, rows: int, read: Read, view: str = "") -> str:
    """The window as JSON. A dictionary for each row first would take as long again as all else but reading."""
    marks = Marks(index)
    told: dict[str, Any] = {
        "generation": index.generation,
        "total": index.total,
        "at": where.at,
        "head": index.head or None,
        "lanes": index.lanes,
        "passing": marks.passing(_passing(index, where.at), where.at),
        "refs_total": len(index.refs),
    }
    if where.focus is not None:
        told["focus"] = where.focus
    if view:
        told["view"] = view
    head = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return f'{head[:-1]},"rows":[{",".join(_rows(index, where.at, min(index.total, where.at + rows), read, marks))}]}}'


def oids(index: RowIndex, where: Place, rows: int) -> list[str]:
    """The commits of a window."""
    low, high = index.total - min(index.total, where.at + rows), index.total - where.at
    return index.oids(low, high)[::-1]


def listing(index: RowIndex) -> dict[str, Any]:
    """Every branch, tag and stash with the commit it names."""
    top = index.total - 1
    refs = [
        {"name": ref.name, "oid": index.oid(ref.height), "row": top - ref.height}
        for ref in index.refs
        if ref.height >= 0
    ]
    return {"generation": index.generation, "head": index.head or None, "refs": refs}


def outline(index: RowIndex, points: int) -> dict[str, Any]:
    """When the commits of evenly spaced rows were made, the first and the last among them. No commit is read for it."""
    top, count = index.total - 1, min(points, index.total)
    rows = [top * nth // max(1, count - 1) for nth in range(count)]
    return {"generation": index.generation, "total": index.total, "times": [index.date(top - row) for row in rows]}


def _rows(index: RowIndex, at: int, end: int, read: Read, marks: Marks) -> Iterator[str]:
    top = index.total - 1
    low, high = index.total - end, index.total - at
    refs = index.refs.between(low, high)
    oids = index.oids(low, high)[::-1]
    if isinstance(read, PackedReader):
        read.announce(oids)
    drawn = zip(oids, reversed(index.drawn(low, high)), strict=True)
    for row, (oid, (lane, parents, lanes)) in enumerate(drawn, at):
        try:
            author, email, committer, time, subject, body = line(read(oid)[1])
        except KeyError:
            author, email, committer, time, subject, body = _UNREADABLE
        parent_rows = [-1 if to == ABSENT else top - to for to in parents]
        text = (
            f'{{"row":{row},"oid":"{oid}","lane":{lane},"parents":{parent_rows},"edges":{lanes}'
            f',"author":{_quoted(author)},"email":{_quoted(email)},"time":{time},"subject":{_quoted(subject)}'
        )
        names = refs.get(top - row)
        text += f',"refs":[{",".join(map(_quoted, names))}]' if names else ',"refs":[]'
        if body:
            text += ',"body":true'
        if committer != author:
            text += f',"committer":{_quoted(committer)}'
        if skipped := marks.skipped(top - row, len(parents)):
            text += f',"skipped":{skipped}'
        yield text + "}"


def _passing(index: RowIndex, row: int) -> list[list[int]]:
    if row >= index.total:
        return []
    top = index.total - 1
    return sorted([lane, top - to] for lane, to in index.passing(top - row))
