"""gitperch repo …"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gitperch.errors import BadRequest, NotFound
from gitperch.git import GitError, base_pack
from gitperch.repositories import importing

if TYPE_CHECKING:
    import argparse

    from gitperch.host import Host


def split(full_name: str) -> tuple[str, str]:
    """Owner and name of `OWNER/NAME`. Raises BadRequest for anything else."""
    owner, slash, name = full_name.partition("/")
    if not slash or not owner or not name or "/" in name:
        raise BadRequest(f"{full_name!r} is not OWNER/NAME, such as alice/garden.")
    return owner, name.removesuffix(".git")


async def add(host: Host, options: argparse.Namespace) -> None:
    """Add a repository, with --from filled with all refs of another one on this machine."""
    owner_name, name = split(options.repository)
    owner = await host.people.find(owner_name)
    if not owner:
        raise NotFound(f"There is nobody called {owner_name!r} here; add them with: gitperch user add {owner_name}")
    source = await importing.source_at(host.git, options.source) if options.source else None
    object_format = options.object_format or "sha1"
    if source:
        object_format = await importing.object_format(host.git, source)
        if options.object_format not in (None, object_format):
            raise BadRequest(
                f"{source} has {object_format} object ids, which cannot be changed on the way.", field="object-format"
            )
    repo = await host.repositories.create(owner, name, private=options.private, object_format=object_format)
    if source:
        try:
            await importing.fill(host.git, repo, source)
        except BaseException:
            await host.repositories.delete(repo)
            raise
        await host.refs.observe(repo, actor=owner.name, source="import")
    print(f"{host.config.base_url}/{repo.full_name}", flush=True)
    if source:
        # Here rather than in the server's own time, so that the first clone finds it well packed.
        try:
            await host.upkeep.now(repo)
        except GitError as error:
            print(f"It is there, but not packed well: {error}", file=sys.stderr)


async def listing(host: Host, options: argparse.Namespace) -> None:
    """List every repository, one a line: OWNER/NAME, visibility."""
    for repo in await host.repositories.everything():
        print(f"{repo.full_name}\t{'private' if repo.private else 'public'}")


async def upkeep(host: Host, options: argparse.Namespace) -> None:
    """Do now, and wait for, what the server would do in the background; say what that was and what clones are served from."""
    owner, name = split(options.repository)
    repo = await host.repositories.find(owner, name)
    if not repo:
        raise NotFound(f"There is no repository {options.repository!r} here; see them with: gitperch repo list")
    print(await host.upkeep.now(repo) or "nothing to do")
    base = base_pack.read(repo.path)
    print(f"base pack: {base.objects} objects, {base.size} bytes" if base else "base pack: none")
