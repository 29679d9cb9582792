"""gitperch user key …"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gitperch.errors import NotFound

if TYPE_CHECKING:
    import argparse

    from gitperch.accounts.people import User
    from gitperch.host import Host


async def add(host: Host, options: argparse.Namespace) -> None:
    """Add the public key on standard input; prints its fingerprint."""
    key = await host.ssh_keys.add_to_person(await _person(host, options.name), sys.stdin.read(), options.title)
    print(f"{key.id}\t{key.fingerprint}\t{key.title}")


async def listing(host: Host, options: argparse.Namespace) -> None:
    """List a person's keys, one a line: number, fingerprint, title."""
    for key in await host.ssh_keys.of_person(await _person(host, options.name)):
        print(f"{key.id}\t{key.fingerprint}\t{key.title}")


async def remove(host: Host, options: argparse.Namespace) -> None:
    """Remove one of a person's keys; what is connected by it is refused its next command."""
    person = await _person(host, options.name)
    for key in await host.ssh_keys.of_person(person):
        if options.key in (str(key.id), key.fingerprint):
            return await host.ssh_keys.remove_from_person(person, key.id)
    raise NotFound(f"{person.name} has no key {options.key!r}; see: gitperch user key list {person.name}")


async def _person(host: Host, name: str) -> User:
    person = await host.people.find(name)
    if not person:
        raise NotFound(f"There is nobody called {name!r} here; add them with: gitperch user add {name}")
    return person
