"""Everything that touches a repository on disk: processes, names, refs, objects."""

from __future__ import annotations

from gitperch.git.process import Git, GitError

__all__ = ["Git", "GitError"]
