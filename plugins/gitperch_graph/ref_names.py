"""Branches, tags and stashes by what somebody types of their names, the likeliest first.

Of a hundred thousand only those that fit become objects.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from gitperch_graph.repository import SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitperch_graph.refs import Ref, RefTable
    from gitperch_graph.row_index import RowIndex

AT_MOST = 5000
"""Refs that are looked at closer; who types one letter among a hundred thousand is going to type another."""

_LOOKS = 20_000  # names with the longest word, in which the others are looked for
_FOLDERS = tuple(folder.encode() for folder in SHOWN)
_PIECE = 4096  # names searched at once: a fraction of a millisecond, after which others have their turn

_Rank = tuple[int, int, int, str]


@dataclass(frozen=True)
class Found:
    """The likeliest refs, and how many there are; with `more` at least so many."""

    refs: list[Ref]
    count: int
    more: bool


def matching(index: RowIndex, text: str, limit: int) -> Found:
    """At most `limit` refs that have every word of `text` in their names, whatever the case (of ASCII letters).

    First a name that is the text, then names that begin with it, then those where a part after a slash does, then the rest;
    among equals the default branch, branches before tags, and what has the newest commit.
    """
    table, moved = index.refs.table, index.refs.moved
    words = text.encode("utf-8", "surrogateescape").lower().split()
    looked = list(islice(_numbers(table, words), _LOOKS + 1))
    numbers = [number for number in looked if number >= 0][: AT_MOST + 1]
    more = len(numbers) > AT_MOST or len(looked) > _LOOKS
    if more and words:
        numbers = [*_beginning(table, text.strip(), limit), *numbers]
    refs = [ref for number in dict.fromkeys(numbers) if (ref := table.ref(number)).name not in moved]
    refs += [ref for ref in moved.values() if ref and _fits(_short(ref.name), words)]
    shown = [ref for ref in refs if ref.height >= 0 and ref.name.startswith("refs/")]
    best = heapq.nsmallest(limit, shown, key=lambda ref: _rank(ref, words, index.head))
    return Found(best, min(len(shown), AT_MOST), more)


def _numbers(table: RefTable, words: list[bytes]) -> Iterator[int]:
    """The refs in whose short names all words are, and -1 for each that has only the longest.

    Without words those with the newest commits first, branches before tags.
    """
    if words:
        yield from _containing(table, words)
        return
    heads = range(*_range(table, _FOLDERS[0]))
    newest = range(len(table) - 1, -1, -1)
    yield from (number for at in newest if (number := table.by_height[at]) in heads)
    yield from (number for at in newest if (number := table.by_height[at]) not in heads)


def _containing(table: RefTable, words: list[bytes]) -> Iterator[int]:
    rarest, ends = max(words, key=len), table.ends
    for begin in range(0, len(table), _PIECE):
        base, stop = ends[begin], ends[min(len(table), begin + _PIECE)]
        piece = bytes(table.names[base:stop]).lower()
        at = piece.find(rarest)
        while at >= 0:
            number = bisect_right(ends, base + at) - 1
            name = piece[ends[number] - base : ends[number + 1] - base]
            short = _short_bytes(name)
            begin_short = ends[number] - base + len(name) - len(short)
            if at < begin_short:
                at = piece.find(rarest, begin_short)  # it was in `refs/heads/`
                continue
            yield number if _fits(short, words) else -1
            at = piece.find(rarest, ends[number + 1] - base)


def _beginning(table: RefTable, text: str, limit: int) -> Iterator[int]:
    """Some of those whose short name begins with `text` just so: names are in order, so that these are found at once."""
    for folder in _FOLDERS:
        begin, end = _range(table, folder + text.encode("utf-8", "surrogateescape"))
        yield from range(begin, min(end, begin + limit))


def _range(table: RefTable, prefix: bytes) -> tuple[int, int]:
    numbers = range(len(table))
    # No name has a byte above those of UTF-8.
    return bisect_left(numbers, prefix, key=table.name), bisect_left(numbers, prefix + b"\xff", key=table.name)


def _rank(ref: Ref, words: list[bytes], head: str) -> _Rank:
    place = _place(_short(ref.name), words)
    return place, 0 if ref.name == head else 1 + (not ref.name.startswith("refs/heads/")), -ref.height, ref.name


def _place(short: bytes, words: list[bytes]) -> int:
    if not words or short == words[0]:
        return 0
    if short.startswith(words[0]):
        return 1
    return 2 if b"/" + words[0] in short else 3


def _fits(short: bytes, words: list[bytes]) -> bool:
    return all(word in short for word in words)


def _short(name: str) -> bytes:
    return _short_bytes(name.encode("utf-8", "surrogateescape").lower())


def _short_bytes(name: bytes) -> bytes:
    """Without `refs/heads/` and the like."""
    return name.split(b"/", 2)[-1]
