"""gitperch token …"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitperch.cli.repo import split
from gitperch.errors import NotFound

if TYPE_CHECKING:
    import argparse

    from gitperch.host import Host


async def add(host: Host, options: argparse.Namespace) -> None:
    """Add a token and print it, alone on the last line."""
    user = await host.people.find(options.user)
    if not user:
        raise NotFound(f"There is nobody called {options.user!r} here; add them with: gitperch user add {options.user}")
    repo = None
    if options.repo:
        repo = await host.repositories.find(*split(options.repo))
        if not repo:
            raise NotFound(f"There is no repository {options.repo!r} here; see: gitperch repo list")
    print(await host.tokens.add(user, options.name, options.scope, repo, options.days))
