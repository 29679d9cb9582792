"""The pages' templates, compiled once for all servers of a run: it is most of what a first page takes, and each has its own data folder."""

from __future__ import annotations

import atexit
import functools
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def share(data: Path) -> None:
    """Let the server of the data folder `data` find what others of this run have compiled, and keep there what it compiles."""
    place = data / "templates"
    if not place.is_symlink() and not place.exists():
        place.symlink_to(_folder())


@functools.cache
def _folder() -> str:
    folder = tempfile.TemporaryDirectory(prefix="gitperch-templates-", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return folder.name
