"""What to run: a commit's files are looked at, in git's objects, and say how it becomes an app."""

from __future__ import annotations

from gitperch_preview.recipes.finding import find
from gitperch_preview.recipes.variables import Environment, environment

__all__ = ["Environment", "environment", "find"]
