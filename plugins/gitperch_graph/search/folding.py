"""Text as it is compared: without case, in one Unicode form, with one space wherever there is white space."""

from __future__ import annotations

import codecs
import unicodedata

_SLOW = {"idna", "punycode"}  # decoders that take quadratic time


def folded(text: str) -> bytes:
    """For what somebody typed. Leading and trailing space stays, as one space: it is part of a quoted phrase."""
    words = _folded(f"\0{text}\0")
    return words.strip("\0").encode("utf-8", "replace")


def folded_bytes(text: bytes, encoding: bytes = b"") -> bytes:
    """For what a commit says in UTF-8, else in the `encoding` that it names, else in Latin-1. Never has a line feed in it."""
    if text.isascii():
        return b" ".join(text.lower().split())
    return _folded(_decoded(text, encoding)).encode("utf-8", "replace")


def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())
    return " ".join(text.lower().split())


def _decoded(text: bytes, encoding: bytes) -> str:
    try:
        # The text may have been cut in the middle of a character.
        return codecs.utf_8_decode(text, "strict", False)[0]
    except UnicodeDecodeError:
        pass
    try:
        name = codecs.lookup(encoding.decode("ascii")).name
        if name not in _SLOW:
            return text.decode(name, "replace")
    except (UnicodeError, LookupError, ValueError):
        pass
    return text.decode("latin-1")
