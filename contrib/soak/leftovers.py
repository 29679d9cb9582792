"""What should not be there when all is quiet: processes, and files that were meant to last a moment."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from contrib.bench import processes

if TYPE_CHECKING:
    from pathlib import Path

_HELD = "server.lock"  # by the server, as long as it runs


def files(data: Path) -> list[str]:
    """Locks, half-written packs and objects, and quarantines below `data`."""
    found = []
    for folder, folders, names in os.walk(data):
        for name in (*folders, *names):
            passing = name.startswith(("tmp_", ".tmp-", "incoming-")) or name.endswith(".lock")
            if passing and name != _HELD:
                found.append(f"{folder}/{name} is left over")
    return found


def children(server: int, data: Path) -> list[str]:
    """Children of the process `server`, zombies too, and any git at work on `data` whoever its parent is."""
    found = []
    descendants = set(processes.tree([server])) - {server}
    for pid, (_, state, name) in processes.everybody().items():
        about = b""
        with contextlib.suppress(OSError):
            about = (processes.PROC / str(pid) / "cmdline").read_bytes()
        if pid in descendants or (name == "git" and str(data).encode() in about):
            kind = "a zombie" if state == "Z" else "still there"
            found.append(f"process {pid} ({name}) is {kind}: {about[:200].decode(errors='replace')}")
    return found
