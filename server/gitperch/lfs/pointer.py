"""The pointer that git has in the place of a large file (git-lfs `docs/spec.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

LIMIT = 1024  # a pointer is smaller, in bytes
_OID = re.compile(r"[0-9a-f]{64}")
_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:ext-[0-9]-[^\n]+\n)*"
    rb"oid sha256:(?P<oid>[0-9a-f]{64})\n"
    rb"size (?P<size>0|[1-9][0-9]{0,17})\n"
)


@dataclass(frozen=True)
class Pointer:
    """`oid` is the SHA-256 of the content in hex, `size` its length in bytes."""

    oid: str
    size: int


def parse(data: bytes) -> Pointer | None:
    """The pointer that a blob's whole content is; None for any other content."""
    match = _POINTER.fullmatch(data) if len(data) < LIMIT else None
    return Pointer(match["oid"].decode("ascii"), int(match["size"])) if match else None


def is_oid(text: str) -> bool:
    """Whether `text` is an object id of LFS: a SHA-256 in lower-case hex."""
    return bool(_OID.fullmatch(text))
