"""The commit graph: an index of rows and lanes for each repository, and windows of it over HTTP.

The engine (`commit_graph`, `history`, `lanes`, `row_index`, `build`, `extend`, `windows`) knows git repositories and nothing
of the server; `store`, `routes` and `plugin` connect it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch_graph.plugin import GraphPlugin

__all__ = ["GraphPlugin"]


def __getattr__(name: str) -> object:
    # The helper process that builds an index has no use for the server's modules.
    if name == "GraphPlugin":
        from gitperch_graph.plugin import GraphPlugin

        return GraphPlugin
    raise AttributeError(name)
