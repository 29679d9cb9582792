"""What changed between two commits, by git's own diff in processes that are bounded in time and in what they may say."""

from gitperch.git.diff.changes import Changes, FileChange, Span, changes
from gitperch.git.diff.patches import patches

__all__ = ["Changes", "FileChange", "Span", "changes", "patches"]
