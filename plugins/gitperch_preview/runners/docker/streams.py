"""What the engine sends as streams: output in frames, and messages in lines of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gitperch_preview.runners.docker.engine import Answer

_HEAD = 8
_LINE_LIMIT = 1 << 20


def unframed(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """The whole frames at the beginning of `buffer`, which they leave: the stream (1 stdout, 2 stderr) and its bytes.

    Format: "Stream format" of https://docs.docker.com/engine/api/v1.41/#operation/ContainerAttach
    """
    at = 0
    try:
        while len(buffer) >= at + _HEAD:
            size = int.from_bytes(buffer[at + 4 : at + _HEAD], "big")
            if len(buffer) < at + _HEAD + size:
                return
            yield buffer[at], bytes(buffer[at + _HEAD : at + _HEAD + size])
            at += _HEAD + size
    finally:
        del buffer[:at]


async def messages(answer: Answer) -> AsyncIterator[dict[str, Any]]:
    """The JSON objects of a stream, one to a line; what is none is left out."""
    rest = bytearray()
    async for data in answer:
        rest += data
        *lines, last = rest.split(b"\n")
        rest = last if len(last) < _LINE_LIMIT else bytearray()
        for line in lines:
            if line.strip():
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict):
                    yield found
