"""gitperch user …"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gitperch.accounts.passwords import generate_password

if TYPE_CHECKING:
    import argparse

    from gitperch.host import Host


async def add(host: Host, options: argparse.Namespace) -> None:
    """Add a person. Without --password-stdin a password is made and printed on the last line."""
    password = sys.stdin.readline().rstrip("\r\n") if options.password_stdin else generate_password()
    user = await host.people.add(options.name, password, is_admin=options.admin)
    print(f"{user.name} can sign in at {host.config.base_url}/signin")
    if not options.password_stdin:
        print("with this password, shown this once:")
        print(password)
