"""OpenSSH's client, with keys of its own, against a server that speaks SSH."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.server import GIT_ENVIRONMENT, Server, free_port
from support.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Nothing of whoever runs the tests: no configuration, no agent, no other keys.
OPTIONS = ("IdentitiesOnly=yes", "IdentityAgent=none", "StrictHostKeyChecking=yes", "BatchMode=yes", "LogLevel=ERROR")


@dataclass
class Ssh:
    """A running server with SSH on. `alice`, its administrator, has the key `alice`."""

    server: Server
    port: int
    folder: Path

    def key(self, name: str, *options: str) -> Path:
        """The private key called `name`, made if need be (`options` as for ssh-keygen); its public half is in `name.pub`."""
        path = self.folder / name
        if not path.exists():
            make = [
                "ssh-keygen",
                "-q",
                "-N",
                "",
                "-C",
                f"{name}@test",
                "-f",
                str(path),
                *(options or ("-t", "ed25519")),
            ]
            subprocess.run(make, check=True, capture_output=True)
        return path

    def public(self, name: str, *options: str) -> str:
        self.key(name, *options)
        return (self.folder / f"{name}.pub").read_text()

    def add_user(self, name: str) -> None:
        """A person with a key of the same name."""
        self.server.add_user(name)
        self.server.cli("user", "key", "add", name, input=self.public(name))

    def add_deploy_key(self, full_name: str, name: str, permission: str) -> None:
        alice = Visitor(self.server)
        alice.sign_in()
        form = {"key": self.public(name), "title": name, "permission": permission}
        answer = alice.post(f"/{full_name}/settings/keys", form, page=f"/{full_name}/settings")
        assert answer.status == 303, answer.text

    def url(self, full_name: str, user: str = "git") -> str:
        return f"ssh://{user}@127.0.0.1:{self.port}/{full_name}.git"

    def options(self, key: str, *more: str) -> list[str]:
        """Arguments for ssh, all but the host."""
        known = self.folder / "known_hosts"
        host_key = (self.server.data / "ssh" / "host_ed25519.pub").read_text()
        known.write_text(f"[127.0.0.1]:{self.port} {host_key}")
        options = [f"-o{option}" for option in (*OPTIONS, f"UserKnownHostsFile={known}")]
        return ["-F", "none", "-i", str(self.key(key)), "-p", str(self.port), *options, *more]

    def command(
        self, *arguments: str, key: str = "alice", more: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """ssh itself; `arguments` is the command."""
        command = ["ssh", *self.options(key, *more), "git@127.0.0.1", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )

    def environment(self, key: str = "alice", *more: str) -> dict[str, str]:
        """For a git that signs in with `key`."""
        return GIT_ENVIRONMENT | {"GIT_SSH_COMMAND": shlex.join(["ssh", *self.options(key, *more)])}

    def git(self, *arguments: str, key: str = "alice", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments],
            cwd=cwd,
            env=self.environment(key),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[Ssh]:
    """A server of its own with SSH on; `settings` are environment names without the prefix."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    server = Server(folder / "data")
    server.settings |= {"GITPERCH_SSH_ENABLED": "true", "GITPERCH_SSH_LISTEN": f"127.0.0.1:{port}"}
    server.settings |= {f"GITPERCH_{name}": value for name, value in settings.items()}
    server.start()
    ssh = Ssh(server, port, folder)
    try:
        server.cli("user", "key", "add", server.admin, input=ssh.public("alice"))
        yield ssh
    finally:
        server.stop()


def children(server: Server, program: str) -> list[int]:
    """The running processes below the server whose command line has `program` in it."""
    assert server.process
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    below, found = {server.process.pid}, []
    for _ in range(4):  # as deep as git goes
        below |= {int(pid) for pid, parent, *_ in rows if int(parent) in below}
    for pid, _, *arguments in rows:
        if int(pid) in below and arguments and program in arguments[0]:
            found.append(int(pid))
    return [pid for pid in found if pid != server.process.pid]


def until(true: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for it to become true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def ok(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that has to succeed said."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def raw(ssh: Ssh, line: str, *more: str, key: str = "alice") -> subprocess.Popen[bytes]:
    """ssh with one command, and pipes to speak git's protocol by hand."""
    pipe = subprocess.PIPE
    command = ["ssh", *ssh.options(key, *more), "git@127.0.0.1", line]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)


def events(ssh: Ssh, full_name: str) -> list[dict[str, Any]]:
    """What was recorded about refs of a repository, oldest first."""
    with sqlite3.connect(f"file:{ssh.server.data}/gitperch.db?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT e.payload FROM events e JOIN repositories r ON r.id = e.repo_id JOIN users u ON u.id = r.owner_id"
            " WHERE u.name || '/' || r.name = ? AND e.kind = 'refs.updated' ORDER BY e.id",
            (full_name,),
        ).fetchall()
    return [json.loads(payload) for (payload,) in rows]
