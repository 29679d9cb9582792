"""The command `gitperch`. Every command works while the server runs and while it does not."""

from gitperch.cli.main import main

__all__ = ["main"]
