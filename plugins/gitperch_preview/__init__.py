"""A place for every branch: host names and the gateway that serves static sites straight from git objects."""

from gitperch_preview.events import PreviewChanged
from gitperch_preview.plugin import PreviewPlugin

__all__ = ["PreviewChanged", "PreviewPlugin"]
