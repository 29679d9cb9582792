"""Insights: what a history says about the work in it, for any range of days.

`counting` is a process of its own, which reads new commits with git and keeps sums in a file for each repository (`store`);
`answers` reads them, `service` knows which repository has which, and `routes` and `plugin` connect it all to the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitperch_insights.plugin import InsightsPlugin

__all__ = ["InsightsPlugin"]


def __getattr__(name: str) -> object:
    # The process that counts has no use for the server's modules.
    if name == "InsightsPlugin":
        from gitperch_insights.plugin import InsightsPlugin

        return InsightsPlugin
    raise AttributeError(name)
