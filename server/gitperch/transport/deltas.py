"""git's deltas (gitformat-pack(5)): a newer version as copies from an older one and bytes of its own.

Made for what a push changes: the common beginning and end are found first, and only what lies between is searched piece by piece.
Lines are the pieces of text; other content is cut at bytes that are as frequent, so that a piece is the same wherever it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_COPY = 0x10000  # bytes of one copy; git's own deltas have no longer ones
_INSERT = 127
_WORTH = 8  # bytes; a shorter copy costs as much as it saves
_LOOKED_FOR = 32  # bytes that differ; fewer, an oid in a tree for one, are rarely to be found elsewhere
_SEARCHED = 128 << 10  # bytes of the older version that are searched beyond the part that differs
_PIECE = 200  # bytes; where lines are longer, finer pieces are looked for

_entries = re.compile(rb"[^\0]*\0.{20}|.+", re.DOTALL).findall
_words = re.compile(rb"[^\n\0 ;,>}\xb3]*[\n\0 ;,>}\xb3]+|[^\n\0 ;,>}\xb3]+").findall


def encode(old: bytes, new: bytes, *, tree: bool = False) -> bytes:
    """The delta that makes `new` of `old`, trees or other content; at worst a little longer than `new`."""
    prefix = _common_prefix(old, new)
    suffix = _common_suffix(old[prefix:], new[prefix:])
    delta = _Delta(old, new)
    delta.copy(0, 0, prefix)
    middle = new[prefix : len(new) - suffix]
    if len(middle) > _LOOKED_FOR:
        # A long middle may repeat what stands elsewhere; a short one is dearer to look for than to send.
        whole = len(middle) > 4 * _PIECE and len(old) <= _SEARCHED
        begin, end = (0, len(old)) if whole else (prefix, len(old) - suffix)
        cut = _entries if tree else _lines if middle.count(b"\n") * _PIECE > len(middle) else _words
        _match(delta, cut(old[begin:end]), cut(middle), old, begin, prefix)
    delta.copy(len(old) - suffix, len(new) - suffix, suffix)
    return delta.finished()


def varint(number: int) -> bytes:
    """A size as deltas have it: seven bits in a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Delta:
    """A delta that grows from the beginning of `new` to its end. What no copy covers is inserted."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old, self._new = old, new
        self._done = 0
        self._out = bytearray(varint(len(old)) + varint(len(new)))

    def copy(self, source: int, target: int, size: int) -> None:
        """`new[target:target+size]` is `old[source:source+size]`; copies come in the order of `target` and may overlap there."""
        if (over := self._done - target) > 0:
            source, target, size = source + over, target + over, size - over
        while source and target > self._done and self._old[source - 1] == self._new[target - 1]:
            source, target, size = source - 1, target - 1, size + 1
        if size < _WORTH:
            return
        self._insert(target)
        while size:
            once = min(size, _COPY)
            self._out += _copy(source, once)
            source, size = source + once, size - once
            self._done += once

    def finished(self) -> bytes:
        self._insert(len(self._new))
        return bytes(self._out)

    def _insert(self, until: int) -> None:
        while self._done < until:
            piece = self._new[self._done : min(self._done + _INSERT, until)]
            self._out.append(len(piece))
            self._out += piece
            self._done += len(piece)


def _copy(source: int, size: int) -> bytes:
    command, operands = 0x80, bytearray()
    for bit, value in enumerate((*source.to_bytes(4, "little"), *(size & 0xFFFF).to_bytes(3, "little"))):
        if value:
            command |= 1 << bit
            operands.append(value)
    return bytes((command,)) + operands


def _match(
    delta: _Delta, theirs: Sequence[bytes], pieces: Sequence[bytes], old: bytes, source: int, target: int
) -> None:
    """Copies for `pieces` of the new content, from `target` on, which are also among those of the old, from `source` on."""
    places: dict[bytes, int] = {}
    at = source
    for piece in theirs:
        places.setdefault(piece, at)
        at += len(piece)
    # A copy under way: where in `old` it goes on, or -1; where in the new content it began.
    run, begin, at = -1, target, target
    for piece in pieces:
        if run < 0 or not old.startswith(piece, run):
            if run >= 0:
                more = _common_prefix(old[run : run + len(piece)], piece)
                delta.copy(run - (at - begin), begin, at - begin + more)
            run, begin = places.get(piece, -1), at
        if run >= 0:
            run += len(piece)
        at += len(piece)
    if run >= 0:
        delta.copy(run - (at - begin), begin, at - begin)


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _common_prefix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:  # the first `low` bytes are equal, the first `high` are not
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _common_suffix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    if one[len(one) - high :] == other[len(other) - high :]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle
    return low
