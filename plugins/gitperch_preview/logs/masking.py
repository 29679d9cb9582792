"""Hiding secrets in what an app says: the values themselves, and the forms in which programs print them."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "•••".encode()
LEAST = 4  # characters; a shorter value would hide half of a log
LINE_LEAST = 8
_WRAPPED = 76  # columns, as base64(1) and MIME have it
_ESCAPE = re.compile(r"%[0-9A-F]{2}")


class Masker:
    """Finds secrets in pieces of a stream.

    Each form is looked for by itself, by `bytes.find`: that reads a gigabyte a second, where one expression for all of them reads
    a hundredth.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._needles = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)

    @property
    def longest(self) -> int:
        """The length of the longest form, in bytes; 0 where there is nothing to hide."""
        return len(self._needles[0]) if self._needles else 0

    def look(self, data: bytes, *, last: bool) -> tuple[list[tuple[int, int]], int]:
        """The (start, end) of what has to be hidden in `data`, in order and apart from each other, and how much of `data` is sure.

        What comes after that may be the beginning of a secret, and has to be looked at again with what follows. With `last` nothing
        follows: the beginning of a secret is hidden too.
        """
        found = sorted(span for needle in self._needles for span in _every(needle, data))
        sure = self._sure(data)
        if last:
            if len(data) - sure >= LEAST:
                found.append((sure, len(data)))
                found.sort()
            sure = len(data)
        spans = _merged(found)
        for start, end in reversed(spans):
            if start < sure < end:
                sure = start
        return [span for span in spans if span[1] <= sure], sure

    def masked(self, data: bytes) -> bytes:
        """All of `data`, with nothing before or after it."""
        return replaced(data, self.look(data, last=True)[0])

    def _sure(self, data: bytes) -> int:
        """Where the longest end of `data` starts that is the beginning of a secret, and not all of it."""
        sure = len(data)
        for needle in self._needles:
            at = data.find(needle[:LEAST], max(0, len(data) - len(needle) + 1))
            while at >= 0 and not needle.startswith(data[at:]):
                at = data.find(needle[:LEAST], at + 1)
            if at < 0:
                at = next((len(data) - n for n in range(LEAST - 1, 0, -1) if data.endswith(needle[:n])), len(data))
            sure = min(sure, at)
        return sure


@functools.lru_cache(4)
def masker(secrets: tuple[str, ...]) -> Masker:
    """The one for these secrets: a hundred long ones take a tenth of a second to prepare."""
    return Masker(secrets)


def replaced(data: bytes, spans: Iterable[tuple[int, int]], start: int = 0) -> bytes:
    """`data` from `start` on, with a mask in the place of each span."""
    parts: list[bytes] = []
    for begin, end in spans:
        if end > start:
            parts += (data[start:begin], MASK)  # one that begins before `start` leaves nothing of itself
            start = end
    return b"".join((*parts, data[start:]))


def _every(needle: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    at = data.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = data.find(needle, at + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _forms(secret: str) -> Iterator[bytes]:
    """The value, each of its longer lines, and how URLs, JSON and base64 write it."""
    if len(secret) < LEAST:
        return
    texts = {secret, secret.strip(), quote(secret), quote(secret, safe=""), quote_plus(secret)}
    texts |= {_ESCAPE.sub(lambda escape: escape[0].lower(), text) for text in texts}
    texts |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    texts |= {line for each in secret.splitlines() if len(line := each.strip()) >= LINE_LEAST}
    for text in texts:
        if len(text) >= LEAST:
            yield text.encode("utf-8", "surrogateescape")
    for form in _base64(secret.encode("utf-8", "surrogateescape")):
        if len(form) >= LEAST:
            yield form
            yield form.translate(bytes.maketrans(b"+/", b"-_"))


def _base64(value: bytes) -> Iterator[bytes]:
    """What the value becomes alone, and inside of something longer: three ways, by where in a group of three bytes it begins."""
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + value)
        encoded = padded.rstrip(b"=")
        first = -(-shift * 8 // 6)  # the characters before it are made from what stands before the value, too
        yield padded[first:]
        yield encoded[first:]
        yield encoded[first : (shift + len(value)) * 8 // 6]
        if not shift and len(encoded) > _WRAPPED:
            pieces = (encoded[at : at + _WRAPPED] for at in range(0, len(encoded), _WRAPPED))
            yield from (piece for piece in pieces if len(piece) >= LINE_LEAST)
