"""The runner that is always there: apps are processes of this machine, as far from the rest of it as it allows."""

from gitperch_preview.runners.process.runner import ProcessRunner

__all__ = ["ProcessRunner"]
