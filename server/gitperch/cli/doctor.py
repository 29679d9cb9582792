"""gitperch doctor"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gitperch import __version__
from gitperch.git import base_pack
from gitperch.maintenance import journal
from gitperch.ssh import host_keys

if TYPE_CHECKING:
    import argparse

    from gitperch.host import Host


async def report(host: Host, options: argparse.Namespace) -> None:
    """Say what runs, and what an operator should look at."""
    git = (await host.git.run("version")).decode().strip()
    repositories = await host.repositories.everything()
    print(f"gitperch {__version__}, {git}, data in {host.config.data}, {len(repositories)} repositories")
    print(f"plugins: {', '.join(host.plugins.by_name)}")
    if host.config.ssh.enabled:
        print(f"ssh: {host.config.ssh_url('OWNER/NAME')}")
        for key in host_keys.fingerprints(host.config.data):
            print(f"  host key {key}")
    waiting = await host.db.row("SELECT count(*) AS n FROM deliveries WHERE state = 'waiting'")
    failed = await host.db.rows(
        "SELECT d.*, e.kind FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.state = 'failed' ORDER BY d.event_id"
    )
    print(f"deliveries: {waiting['n'] if waiting else 0} waiting, {len(failed)} failed")
    for row in failed:
        print(
            f"  event {row['event_id']} ({row['kind']}, repository {row['repo_id']}) for {row['plugin']}: {row['error']}"
        )
    served = sum(base_pack.read(repo.path) is not None for repo in repositories)
    print(f"upkeep: clones of {served} of {len(repositories)} repositories can be served from one pack as it lies")
    for repo in repositories:
        if at := journal.read(repo.path).failed_at:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
            print(
                f"  {repo.full_name} could not be packed at {when}; try again, and see why, with: gitperch repo upkeep {repo.full_name}"
            )
    for line in await host.plugins.doctor(host):
        print(line)
