"""pkt-line, the framing of git's protocols (gitprotocol-common(5)), and protocol v2's requests in it (gitprotocol-v2(5))."""

from __future__ import annotations

from dataclasses import dataclass

FLUSH, DELIMITER, RESPONSE_END = b"0000", b"0001", b"0002"
LARGEST = 65_520  # bytes of one packet, its length included


@dataclass(frozen=True)
class Command:
    """A request in protocol v2. Neither capabilities nor arguments have their final newline."""

    name: bytes
    capabilities: tuple[bytes, ...]
    arguments: tuple[bytes, ...]

    @property
    def object_format(self) -> bytes:
        key = b"object-format="
        return next((value.removeprefix(key) for value in self.capabilities if value.startswith(key)), b"sha1")


def packet(payload: bytes) -> bytes:
    return b"%04x%s" % (len(payload) + 4, payload)


def size(data: bytes, at: int) -> int:
    """The length of the packet that begins at `at`, the four bytes that tell it included, whether or not all of it is in `data`.

    More than all of `data` where not even they are there; 4 for the special packets, and for what git will not take.
    """
    header = data[at : at + 4]
    if len(header) < 4:
        return len(data) + 1
    try:
        return max(int(header, 16), 4)
    except ValueError:
        return 4


def command(body: bytes) -> Command | None:
    """The one command in `body`; None where it is not exactly one, or not well formed."""
    lines = split(body)
    if not lines or not lines[0].startswith(b"command=") or lines[-1] != FLUSH or lines.count(FLUSH) != 1:
        return None
    if lines.count(DELIMITER) > 1 or RESPONSE_END in lines:
        return None
    middle = lines.index(DELIMITER) if DELIMITER in lines else len(lines) - 1
    return Command(lines[0].removeprefix(b"command="), tuple(lines[1:middle]), tuple(lines[middle + 1 : -1]))


def split(body: bytes) -> list[bytes] | None:
    """The packets of a stream without their newlines, the special ones as they stand; None when it is not one."""
    lines, at = [], 0
    while at < len(body):
        header = body[at : at + 4]
        if header in (FLUSH, DELIMITER, RESPONSE_END):
            lines.append(header)
            at += 4
            continue
        end = at + size(body, at)
        if end <= at + 4 or end > len(body):
            return None
        lines.append(body[at + 4 : end].removesuffix(b"\n"))
        at = end
    return lines
