"""The head of an app's answer, read strictly (RFC 9112), and how long the body behind it is.

What two readers could take in two ways is refused: an app must not be able to make the end of one answer the begin of the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 32 << 10  # bytes of a whole head
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TEXT = rb"[\t -~\x80-\xff]*"
_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-5]\d\d)(?: " + _TEXT + rb")?\r\n((?:" + _TOKEN + rb":" + _TEXT + rb"\r\n)*)\r\n"
)
_LENGTH = re.compile(rb"\d{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;" + _TEXT + rb")?\r\n")
_CHUNK_LINE, _TRAILERS = 4 << 10, 16 << 10  # bytes at most
BODILESS = frozenset((204, 304))

Headers = list[tuple[bytes, bytes]]


class BadAnswer(Exception):
    """What the app said is no HTTP/1.1, or could be read in two ways. The text says what of it, for the app's author."""


@dataclass(slots=True)
class Answer:
    """An answer's head. Names are in lower case. `length` of the body in bytes; None: `chunked`, or until the connection ends."""

    status: int
    headers: Headers
    length: int | None
    chunked: bool
    lasting: bool
    """Whether the connection may be used again."""


def parsed(head: bytes, method: str) -> Answer:
    """`head` ends with an empty line. Raises BadAnswer."""
    found = _HEAD.fullmatch(head)
    if not found:
        raise BadAnswer("its answer does not begin with a valid HTTP/1.1 head")
    headers: Headers = []
    lengths: list[bytes] = []
    codings: list[bytes] = []
    lasting = found[1] == b"1"
    for line in found[3].split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        headers.append((name, value))
        if name == b"content-length":
            lengths.append(value)
        elif name == b"transfer-encoding":
            codings.append(value.lower())
        elif name == b"connection" and b"close" in value.lower():
            lasting = False
    status = int(found[2])
    length = _length(lengths)
    if codings and (codings != [b"chunked"] or found[1] == b"0" or lengths):
        raise BadAnswer("its answer has a Transfer-Encoding that cannot be read in one way only")
    if method == "HEAD" or status in BODILESS or status < 200:
        return Answer(status, headers, 0, chunked=False, lasting=lasting)
    chunked = bool(codings)
    return Answer(status, headers, length, chunked, lasting and (chunked or length is not None))


def _length(values: list[bytes]) -> int | None:
    if not values:
        return None
    if any(value != values[0] for value in values) or not _LENGTH.fullmatch(values[0]):
        raise BadAnswer("its answer has a Content-Length that is no single number")
    return int(values[0])


class Body:
    """Takes an answer's body out of what follows its head: `taken` gives the content, until `over`; `rest` is what came behind it."""

    __slots__ = ("_chunked", "_held", "_left", "_trailers", "over", "rest")

    def __init__(self, answer: Answer) -> None:
        self._chunked = answer.chunked
        self._left = 0 if answer.chunked else answer.length
        self.over = not answer.chunked and answer.length == 0
        self.rest = b""
        self._held = b""  # the begin of a line of the chunked coding
        self._trailers: int | None = None  # bytes of them, once the last chunk was there

    def taken(self, data: bytes) -> bytes:
        """Raises BadAnswer."""
        if self._chunked:
            return self._unchunked(data)
        if self._left is None:
            return data
        if len(data) > self._left:
            data, self.rest = data[: self._left], data[self._left :]
        self._left -= len(data)
        self.over = not self._left
        return data

    def end(self) -> bool:
        """The connection has ended; whether the body has too."""
        if self._left is None and not self._chunked:
            self.over = True
        return self.over

    def _unchunked(self, data: bytes) -> bytes:
        data, self._held = self._held + data, b""
        pieces, at = [], 0
        while at < len(data) and not self.over:
            if self._left:  # of the chunk, with the line end behind it
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                pieces.append(self._content(piece))
                continue
            end = data.find(b"\n", at) + 1
            if not end:
                self._hold(data[at:])
                return b"".join(pieces)
            self._line(data[at:end])
            at = end
        if self.over:
            self.rest = data[at:]
        return b"".join(pieces)

    def _content(self, piece: bytes) -> bytes:
        """`piece` without what of it belongs to the line end that closes a chunk."""
        left = self._left or 0
        beyond = max(2 - left, 0)  # how many bytes of the line end are in it
        if not beyond:
            return piece
        mark = min(beyond, len(piece))
        if piece[len(piece) - mark :] != b"\r\n"[beyond - mark : beyond]:
            raise BadAnswer("a chunk of its answer is longer than it said")
        return piece[: len(piece) - mark]

    def _hold(self, line: bytes) -> None:
        if len(line) > _CHUNK_LINE:
            raise BadAnswer("a line of its chunked answer is too long")
        self._held = line

    def _line(self, line: bytes) -> None:
        if self._trailers is not None:
            self._trailers += len(line)
            if self._trailers > _TRAILERS or not line.endswith(b"\r\n"):
                raise BadAnswer("the trailers of its chunked answer are too long, or have no right line ends")
            self.over = line == b"\r\n"
            return
        size = _CHUNK.fullmatch(line)
        if not size or len(line) > _CHUNK_LINE:
            raise BadAnswer("its chunked answer has a chunk without a valid size")
        self._left = int(size[1], 16)
        if self._left:
            self._left += 2
        else:
            self._trailers = 0
