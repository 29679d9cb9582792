"""What deployments say: written by them, kept small by us, masked when it is read."""

from gitperch_preview.logs.service import Logs

__all__ = ["Logs"]
