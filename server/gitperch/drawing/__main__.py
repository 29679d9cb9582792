"""The process that draws: one request after the other on standard input, each a length, a line of JSON and a body.

python -m gitperch.drawing
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from typing import Any

from gitperch.drawing import LENGTH, rows
from gitperch.drawing.colours import coloured

NICENESS = 4
MEMORY = 512 << 20  # bytes of address space


def answer(job: dict[str, Any], body: bytes) -> tuple[dict[str, Any], str]:
    """What a job comes out as: facts about it, and HTML."""
    if job["draw"] == "diff":
        return rows.diff(job, body)
    if job["draw"] == "lines":
        return rows.lines(job, body)
    found = coloured(job["path"], body.decode("utf-8", "surrogatepass"))
    return {"known": found is not None}, "\n".join(found or ())


def main() -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    gc.freeze()
    given, taken = sys.stdin.buffer, sys.stdout.buffer
    while head := given.read(LENGTH.size):
        first, _, body = given.read(LENGTH.unpack(head)[0]).partition(b"\n")
        try:
            facts, html = answer(json.loads(first), body)
        except Exception as error:  # noqa: BLE001 -- one job's trouble is not the next one's
            facts, html = {"failed": repr(error)}, ""
        content = json.dumps(facts).encode() + b"\n" + html.encode()
        taken.write(LENGTH.pack(len(content)) + content)
        taken.flush()


if __name__ == "__main__":
    main()
