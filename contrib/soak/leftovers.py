"""What should not be there when all is quiet: processes, and files that were meant to last a moment."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from contrib.bench import processes

if TYPE_CHECKING:
    from pathlib import Path

_PASSING = ("tmp_", ".tmp-", "incoming-")


def files(data: Path) -> list[str]:
    """git's locks in the repositories of `data`, and half-written packs, objects and quarantines anywhere in it."""
    found: list[str] = []
    for folder, folders, names in os.walk(data):
        of_git = folder.startswith(f"{data}/repositories/")  # elsewhere, locks are files to be locked, and stay
        ends = (".lock",) if of_git else ()
        passing = [name for name in (*folders, *names) if name.startswith(_PASSING) or name.endswith(ends)]
        found += [f"{folder}/{name} is left over" for name in passing]
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
