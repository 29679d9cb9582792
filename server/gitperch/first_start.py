"""What the very first start makes: somebody who can sign in and, if asked for, something to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitperch.accounts.passwords import generate_password
from gitperch.ssh import host_keys

if TYPE_CHECKING:
    from gitperch.config import Config
    from gitperch.host import Host

ADMINISTRATOR = "admin"


@dataclass(frozen=True)
class Welcome:
    """`password` is set only by the start that made the administrator."""

    base_url: str
    name: str = ADMINISTRATOR
    password: str | None = None
    ssh: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """What the terminal shows."""
        if self.password is None:
            return [f"Gitperch is at {self.base_url}", *self.ssh]
        scheme, _, rest = self.base_url.partition("://")
        return [
            f"Gitperch is at {self.base_url}",
            *self.ssh,
            "",
            f"  Sign in as  {self.name}",
            f"  Password    {self.password}    (shown this once)",
            "",
            "Push a repository of your own, from inside it:",
            "",
            f"  git remote add perch {scheme}://{self.name}@{rest}/{self.name}/thing.git",
            "  git push perch --all",
            "  git push perch --tags",
            "",
        ]


async def prepare(host: Host) -> Welcome:
    """Make an administrator where nobody could sign in, and the demo's repositories where they are asked for and were never made."""
    password = None
    if not await host.people.exist():
        password = generate_password()
        user = await host.people.find(ADMINISTRATOR)
        if user:
            await host.people.set_password(user, password)
        else:
            await host.people.add(ADMINISTRATOR, password, is_admin=True)
    if host.config.demo and not await host.people.find("demo"):
        from gitperch import demo  # late: needed once in a server's life

        for repository in await demo.make(host):
            await host.refs.observe(repository, actor="demo", source="import")
    return Welcome(host.config.base_url, password=password, ssh=_ssh(host.config))


def _ssh(config: Config) -> tuple[str, ...]:
    if not config.ssh.enabled:
        return ()
    keys = [f"  host key {key}" for key in host_keys.fingerprints(config.data)]
    return (f"and over SSH at {config.ssh_url('OWNER/NAME')}", *keys)
