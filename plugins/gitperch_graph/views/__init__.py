"""Views: smaller graphs of the same repository, chosen by refs, first parents, merges, a path, an author, or dates."""

from gitperch_graph.views.view import View

__all__ = ["View"]
