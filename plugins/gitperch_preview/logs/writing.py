"""A deployment's log file, as this server writes to it. Its processes write to the same file themselves."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("gitperch_preview.logs")

INDENT = " " * 7  # as far as `-----> ` goes
WRONG = " !     "
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")  # ECMA-48, 5.4; what an engine puts around its programs' errors
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class FileLog:
    """A `contract.Log`. A line that cannot be written, on a full disk or after the log was removed, ends no deployment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failed = False

    def make(self) -> None:
        """Make the file, for this server's own user alone, where there is none. Whoever only writes does not: it was removed."""
        self.path.parent.mkdir(0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, _FLAGS | os.O_CREAT, 0o600))

    def heading(self, text: str) -> None:
        """`-----> text · 14:03:59 UTC`. Only headings have a time: what a process writes comes here without us."""
        at = time.strftime("%H:%M:%S UTC", time.gmtime())
        self.append(f"-----> {_shown(text)}\x1b[2m · {at}\x1b[22m\n")

    def line(self, text: str) -> None:
        """An indented line below a step; each line of a longer text."""
        self.append("".join(f"{INDENT}{_shown(line)}\n" for line in text.splitlines() or ("",)))

    def problem(self, text: str) -> None:
        """Why it does not go on, as Dokku has it: ` !     text`."""
        self.append(f"{WRONG}{_shown(text)}\n")

    def append(self, text: str) -> None:
        """Write lines, in one piece: what others write at the same time comes before or after them. They begin a line, even if the last
        one has no end."""
        try:
            descriptor = os.open(self.path, _FLAGS)
            try:
                size = os.fstat(descriptor).st_size
                begun = size and os.pread(descriptor, 1, size - 1) not in b"\n\0"  # a hole is no line
                os.write(descriptor, ("\n" * begun + text).encode("utf-8", "replace"))
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            pass
        except OSError as error:
            if not self._failed:
                log.warning("%s cannot be written to: %s", self.path, error.strerror)
            self._failed = True


def _shown(text: str) -> str:
    return _CONTROLS.sub(" ", _COLOURS.sub("", text)).rstrip()
