"""Where every request for a preview passes: a static site is read from git's objects, an app is asked."""

from gitperch_preview.gateway.front import Gateway, Target

__all__ = ["Gateway", "Target"]
