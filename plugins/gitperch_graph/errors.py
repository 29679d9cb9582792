"""What keeps a graph from being shown."""

from __future__ import annotations

from gitperch.errors import AppError


class Building(Exception):
    """The index is not there yet; it is being built. `progress` is 0 to 1, `commits` how many there are, 0 while nobody knows."""

    def __init__(self, progress: float = 0.0, commits: int = 0) -> None:
        super().__init__(f"{progress:.0%}")
        self.progress = progress
        self.commits = commits


class GraphUnreadable(AppError):
    """The history cannot be drawn, since git cannot read it."""

    status = 500
    code = "history_unreadable"
