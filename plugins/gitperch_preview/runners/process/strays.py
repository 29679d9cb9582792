"""Where apps of data folders lie that are not there any more: outside the data folder, its removal leaves them behind.

Each such place says to which folder it belongs, and its name is made of that. Only what says so truly is a stray.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from gitperch_preview.runners.process import proc
from gitperch_preview.runners.process.cell import name_of, uids

if TYPE_CHECKING:
    from pathlib import Path

NOTE = "belongs-to"
_LONGEST = 4096


def note(place: Path, folder: Path) -> None:
    """Write down that `place` is that of the runner's folder `folder`."""
    (place / NOTE).write_bytes(os.fsencode(folder.resolve()))


def strays(elsewhere: Path) -> list[Path]:
    """The places in `elsewhere` whose folder is gone, and of which nothing runs. For a thread: it looks at all processes.

    A disk that is not mounted at this moment looks the same; what was on it is then made again, as after a full disk.
    """
    if not _is_own(elsewhere):
        return []
    gone = [path for path in elsewhere.iterdir() if _is_own(path) and _is_stray(path)]
    users = _users() if gone else set()
    return [path for path in gone if not any(uid in uids(path.name) for uid in users)]


def _is_own(path: Path) -> bool:
    """Whether it is a folder that nobody but this server's user can have changed."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _is_stray(place: Path) -> bool:
    try:
        with (place / NOTE).open("rb") as file:
            said = file.read(_LONGEST)
        folder = type(place)(os.fsdecode(said))
        if not folder.is_absolute() or name_of(folder) != place.name:
            return False
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return (place / NOTE).exists()
    except (OSError, ValueError):
        return False  # it cannot be said
    return False


def _users() -> set[int]:
    """Everybody as whom something runs."""
    found = set()
    for one in proc.alive():
        try:
            found.add(os.stat(f"/proc/{one.pid}").st_uid)  # noqa: PTH116 -- hundreds of Path objects
        except OSError:
            continue
    return found
