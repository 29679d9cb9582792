"""`python -m contrib.bench.place PORT serve …`: gitperch, whose branches called `app` are answered for by what listens on PORT.

So that the gateway alone is measured, and not what starts and watches apps.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gitperch.cli import main
from gitperch_preview import PreviewPlugin
from gitperch_preview.contract import Place, Upstream

if TYPE_CHECKING:
    from gitperch.host import Host

BRANCH = "app"


class OnePlace:
    """What the gateway asks of `Places`."""

    def __init__(self, port: int) -> None:
        self._place = Place(1, BRANCH, 1, "ready", Upstream("127.0.0.1", port))

    def find(self, repo_id: int, branch: str) -> Place | None:
        return self._place if branch == BRANCH else None

    async def awake(self, place: Place, seconds: float) -> Upstream | None:
        return place.upstream

    async def unreachable(self, place: Place, upstream: Upstream) -> None:
        raise SystemExit("the app that is measured does not answer")

    def tail(self, place: Place, lines: int) -> list[str]:
        return []


def run(port: int) -> int:
    start: Any = PreviewPlugin.start

    async def start_with_place(self: PreviewPlugin, host: Host) -> None:
        await start(self, host)
        self.gateway.places = OnePlace(port)

    PreviewPlugin.start = start_with_place  # type: ignore[method-assign]
    return main()


if __name__ == "__main__":
    sys.exit(run(int(sys.argv.pop(1))))
