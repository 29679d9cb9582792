"""What keeps a graph from being shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.errors import AppError

if TYPE_CHECKING:
    from gitperch_graph.long_build import LongBuild


class Building(Exception):
    """The index is not there yet; it is being built. `build` says how far it is, if it takes long."""

    def __init__(self, build: LongBuild | None = None, progress: float = 0.0, commits: int = 0) -> None:
        super().__init__("the index is being built")
        self.build = build
        self.progress = build.progress if build else progress
        self.commits = build.commits if build else commits


class GraphUnreadable(AppError):
    """The history cannot be drawn, since git cannot read it."""

    status = 500
    code = "history_unreadable"
