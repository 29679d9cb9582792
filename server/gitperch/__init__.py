"""Gitperch: push a branch; it gets a page, a graph and a place to live."""

__version__ = "0.1.0"
